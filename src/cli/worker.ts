import type { Command } from 'commander'
import { MeshmarkError } from '../model/errors.ts'
import { parseSize } from '../model/units.ts'
import type { Context } from './context.ts'
import { addCeilingOptions, ceilingsOf } from './limit-options.ts'
import { ListOption, splitCommas } from './list-option.ts'
import { addConnectionOptions, addExamples } from './options.ts'
import { serveAsWorker, type WorkerSettings } from './serve-worker.ts'

interface WorkerOptions extends WorkerSettings {
  label?: string[]
  allowColdCache?: boolean
}

export function define (command: Command, context: Context): void {
  command
    .option('--name <name>', 'what others see (default: the name of this machine)')
    .addOption(new ListOption('--label <key=value>', 'something to choose it by with --where label.KEY=VALUE (repeatable)', splitCommas))
    .option('--payload-store <size>', 'payloads kept, the least recently used go first (default: 10G)', text => parseSize(text, '--payload-store'))
    .option('--user <name>', 'what a worker started by root becomes (default: meshmark, or a user of its own)')
    .option('--allow-cold-cache', 'jobs may empty the file cache of this machine before their runs; needs root')
  addCeilingOptions(command.optionsGroup('What no job may exceed here, whatever it asks for:'))
  addConnectionOptions(command)
  addExamples(command, [
    ['meshmark worker', 'the mesh of this machine, the one joined before, or the one found by mDNS'],
    ['meshmark worker --master /ip4/127.0.0.1/tcp/4747', 'a master on this machine, without a token'],
    ['meshmark worker --label zone=lab --name lab-03', 'with a name and a label'],
    ['meshmark worker --max-wall 10m --max-memory 2G', 'no job runs longer or takes more here']
  ], `
Several workers on one machine take turns when they measure. The first SIGTERM or Ctrl-C lets
what runs come to its end and delivers it; the second stops at once. A job that asks for more
than is allowed here does not run here; one that asks for nothing is held to it.`)

  command.action(async ({ label, allowColdCache, ...settings }: WorkerOptions) => {
    await serveAsWorker({ ...settings, labels: readLabels(label ?? []), ceilings: ceilingsOf(settings), grants: allowColdCache === true ? ['cold-cache'] : [] }, context)
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
