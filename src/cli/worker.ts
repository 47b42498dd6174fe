import type { Command } from 'commander'
import { MAX_PROCESSORS, parseProcessorList } from '../machine/processor-list.ts'
import { MeshmarkError } from '../model/errors.ts'
import { parseCount, parseDuration, parseSize } from '../model/units.ts'
import { MAX_SLOTS } from '../node/protocol/model/machine.ts'
import { ceilingsOf } from '../roles/client/draft/limit-options.ts'
import type { BindingRequest } from '../roles/worker/binding.ts'
import type { Context } from './common/context.ts'
import { addCeilingOptions } from './options/limits.ts'
import { ListOption, splitCommas } from './common/list-option.ts'
import { addConnectionOptions, addExamples } from './common/options.ts'
import { serveAsWorker, type WorkerSettings } from './serve/serve-worker.ts'

interface WorkerOptions extends Omit<WorkerSettings, 'bind'> {
  cores?: number
  cpus?: number[]
  label?: string[]
  allowColdCache?: boolean
}

export function define (command: Command, context: Context): void {
  command
    .option('--name <name>', 'what others see (default: the name of this machine)')
    .addOption(new ListOption('--label <key=value>', 'something to choose it by with --where label.KEY=VALUE (repeatable)', splitCommas))
    .option('--payload-store <size>', 'payloads kept, the least recently used go first (default: 10G)', text => parseSize(text, '--payload-store'))
    .addOption(new ListOption('--listen <addr>', 'where other workers reach it to give it payloads, HOST[:PORT] or a multiaddr (repeatable; default: every address, on a free port)', splitCommas))
    .option('--no-relay', 'pass no payloads on to other workers, and do not listen for them: it comes to the others and to the masters')
    .option('--keep-results <duration>', 'how long a result is kept that some master does not take (default: 7d)', text => parseDuration(text, '--keep-results'))
    .option('--result-store <size>', 'results kept that some master does not take, the oldest are given up (default: 10G)', text => parseSize(text, '--result-store'))
    .option('--user <name>', 'what a worker started by root becomes (default: meshmark, or a user of its own)')
    .option('--allow-cold-cache', 'jobs may empty the file cache of this machine before their runs; needs root')
  command
    .optionsGroup('Cores of its own, to measure beside other workers of the machine that have theirs:')
    .option('--cores <n>', 'bind its programs to so many physical cores that no other worker is bound to', parseCores)
    .option('--cpus <list>', 'bind its programs to these processors, which make up whole cores, e.g. 0-3,8', readProcessors)
  command
    .optionsGroup('Many small programs:')
    .option('--slots <n>', 'run so many programs at once that are not measured, each on cores of its own where there are enough; what is measured waits until it is alone (default: 1)', parseSlots)
  addCeilingOptions(command.optionsGroup('What no job may exceed here, whatever it asks for:'))
  addConnectionOptions(command)
  addExamples(command, [
    ['meshmark worker', 'the mesh of this machine, the one joined before, or the one found by mDNS'],
    ['meshmark worker --master /ip4/127.0.0.1/tcp/4747', 'a master on this machine, without a token'],
    ['meshmark worker --label zone=lab --name lab-03', 'with a name and a label'],
    ['meshmark worker --cores 2', 'measures on two cores while others measure on theirs'],
    ['meshmark worker --slots 8', 'hands out eight programs at a time'],
    ['meshmark worker --max-wall 10m --max-memory 2G', 'no job runs longer or takes more here']
  ], `
Several workers on one machine take turns when they measure, unless each has cores of its own. The first SIGTERM or Ctrl-C lets
what runs come to its end and delivers it; the second stops at once. A job that asks for more
than is allowed here does not run here; one that asks for nothing is held to it.`)

  command.action(async ({ label, allowColdCache, cores, cpus, ...settings }: WorkerOptions) => {
    await serveAsWorker({ ...settings, bind: bindingOf(cores, cpus), labels: readLabels(label ?? []), ceilings: ceilingsOf(settings), grants: allowColdCache === true ? ['cold-cache'] : [] }, context)
  })
}

export function parseCores (text: string): number {
  return parseCount(text, '--cores', 1, MAX_PROCESSORS)
}

function parseSlots (text: string): number {
  return parseCount(text, '--slots', 1, MAX_SLOTS)
}

function readProcessors (text: string): number[] {
  const processors = parseProcessorList(text) ?? []

  if (processors.length === 0) {
    throw new MeshmarkError('usage', `--cpus '${text}' is not a list of processors: write e.g. --cpus 0-3,8`)
  }

  return processors
}

function bindingOf (cores: number | undefined, processors: number[] | undefined): BindingRequest | undefined {
  if (cores != null && processors != null) {
    throw new MeshmarkError('usage', '--cores and --cpus exclude each other: say how many cores, or which processors')
  }

  return cores != null ? { cores } : processors != null ? { processors } : undefined
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
