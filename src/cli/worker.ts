import type { Command } from 'commander'
import { MeshmarkError } from '../model/errors.ts'
import { parseDuration, parseSize } from '../model/units.ts'
import { note, type Context } from './context.ts'
import { useDataDirectory } from './data-directory.ts'
import { ListOption, splitCommas } from './list-option.ts'
import { addConnectionOptions, addExamples, connectOptions, type ConnectionOptions } from './options.ts'
import { announceReady, untilStopped } from './until-stopped.ts'

interface WorkerOptions extends ConnectionOptions {
  name?: string
  label?: string[]
  data?: string
  listen?: string[]
  payloadStore?: number
  keepResults?: number
}

export function define (command: Command, context: Context): void {
  command
    .option('--name <name>', 'what others see (default: the name of this machine)')
    .addOption(new ListOption('--label <key=value>', 'something to choose it by with --where label.KEY=VALUE (repeatable)', splitCommas))
    .addOption(new ListOption('--listen <addr>', 'where other workers can fetch payloads from it (repeatable)', splitCommas))
    .option('--data <dir>', 'where it keeps its identity, payloads and undelivered results')
    .option('--payload-store <size>', 'payloads kept, the least recently used go first', text => parseSize(text, '--payload-store'))
    .option('--keep-results <duration>', 'how long a result waits for its master (default: 7d)', text => parseDuration(text, '--keep-results'))
  addConnectionOptions(command)
  addExamples(command, [
    ['meshmark worker', 'the mesh of this machine, the one joined before, or the one found by mDNS'],
    ['meshmark worker --master /ip4/127.0.0.1/tcp/4747', 'a master on this machine, without a token'],
    ['meshmark worker --label zone=lab --name lab-03', 'with a name and a label']
  ], `
Several workers on one machine take turns when they measure. The first SIGTERM or Ctrl-C lets
what runs come to its end and delivers it; the second stops at once.`)

  command.action(async (options: WorkerOptions) => {
    if (process.platform !== 'linux') {
      throw new MeshmarkError('failed', `workers need Linux, this is ${process.platform}: masters and clients run here`)
    }

    useDataDirectory(options.data)

    const { runWorker } = await import('../roles/worker/worker.ts')
    const { masters, token, mesh, mdns } = connectOptions(options)
    const worker = await runWorker({
      masters,
      token,
      mesh,
      mdns,
      labels: readLabels(options.label ?? []),
      name: options.name,
      listen: options.listen,
      payloadBytes: options.payloadStore,
      keepResultsMs: options.keepResults,
      log: (line: string) => { note(context, line) }
    })

    announceReady({ kind: 'ready', name: worker.name, meshId: worker.meshId, addresses: [] })
    await untilStopped(worker, context, { stopping: 'stopping after what runs now; Ctrl-C again stops at once' })
  })
}

export function readLabels (pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(pairs.map(pair => {
    const match = /^([A-Za-z0-9][A-Za-z0-9_-]{0,62})=(.{0,255})$/.exec(pair)

    if (match == null) {
      throw new MeshmarkError('usage', `--label '${pair}' is not KEY=VALUE: write e.g. --label zone=lab`)
    }

    return [match[1], match[2]]
  }))
}
