import type { Command } from 'commander'
import { text as readText } from 'node:stream/consumers'
import { MeshmarkError } from '../model/errors.ts'
import type { Context } from './common/context.ts'
import { useDataDirectory } from './common/data-directory.ts'
import { ListOption, splitCommas } from './common/list-option.ts'
import { addExamples } from './common/options.ts'
import { typed } from './common/program-name.ts'
import { serveAsMaster } from './serve/serve-master.ts'
import { serveAsWorker } from './serve/serve-worker.ts'

interface JoinOptions {
  data?: string
  name?: string
  listen?: string[]
  mdns?: boolean
}

export function define (command: Command, context: Context): void {
  command.argument('<token@host>', 'as a master printed it; - reads it from standard input')
    .option('--data <dir>', 'where the membership is kept')
    .option('--name <name>', 'what a worker or a master is called (default: the name of this machine)')
    .addOption(new ListOption('--listen <addr>', 'where a master can be reached, HOST[:PORT] or a multiaddr (repeatable; default: every address)', splitCommas))
    .option('--no-mdns', 'do not look for masters on the local network')
    .option('-q, --quiet', 'no notes')
  addExamples(command, [
    ['meshmark join TOKEN@10.0.0.5', 'the line that meshmark master or meshmark token create prints'],
    ['meshmark join - < token.txt', 'so that it is not in the history of the shell']
  ], `
With a worker's token this machine is a worker until Ctrl-C, with a master's token one more master; afterwards
meshmark worker or meshmark master is enough.
The token carries the identity of the mesh: its secret is said only to a master that proves it.`)

  command.action(async (words: string, options: JoinOptions) => {
    const text = words === '-' ? (await readText(context.stdin)).trim() : words

    if (text === '') {
      throw new MeshmarkError('usage', 'no token: standard input was empty')
    }

    useDataDirectory(options.data)

    const { parseTokenAtHost } = await import('../node/token.ts')
    const { token: { role } } = parseTokenAtHost(text)

    if (role === 'worker') {
      await serveAsWorker({ ...options, token: text }, context)
      return
    }

    if (role === 'master') {
      await serveAsMaster({ ...options, token: text }, context)
      return
    }

    const { joinMesh } = await import('../roles/client/join.ts')
    const { meshId, master, name } = await joinMesh({ token: text, mdns: options.mdns !== false })

    context.stdout.write(`joined mesh ${meshId.slice(-8)} at ${master} as ${role} ${name}; next: ${typed(role === 'admin' ? 'meshmark nodes' : 'meshmark run ./program ARG')}\n`)
  })
}
