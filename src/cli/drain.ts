import type { Command } from 'commander'
import { withClient } from './common/connect.ts'
import type { Context } from './common/context.ts'
import { addConnectionOptions, addExamples, type ConnectionOptions } from './common/options.ts'

export function define (command: Command, context: Context): void {
  command.argument('<node>', 'name or peer id of a worker')
    .option('--undo', 'give it work again')
  addConnectionOptions(command)
  addExamples(command, [
    ['meshmark drain lab-03', 'what it runs goes on, nothing new begins'],
    ['meshmark drain lab-03 --undo', 'back to work']
  ])

  command.action(async (node: string, options: ConnectionOptions & { undo?: boolean }) => {
    await withClient(options, async client => {
      context.stdout.write(`${await client.drain(node, options.undo === true)}\n`)
    }, 'admin')
  })
}
