import { release, type } from 'node:os'
import type { Command } from 'commander'
import { VERSION } from '../node/version.ts'
import type { Context } from './common/context.ts'

export function define (command: Command, context: Context): void {
  command.action(() => {
    context.stdout.write(`meshmark ${VERSION}\nNode.js ${process.versions.node}\n${type()} ${release()} ${process.arch}\n`)
  })
}
