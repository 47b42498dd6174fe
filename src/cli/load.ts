import type { Command } from 'commander'
import { matches } from '../machine/match.ts'
import { isMeshmarkError, MeshmarkError } from '../model/errors.ts'
import { shortJobId } from '../model/ids.ts'
import { commandTitle } from '../model/job.ts'
import { counted } from '../model/text.ts'
import { parseCount, parseDuration } from '../model/units.ts'
import { readProfile } from '../library/profile.ts'
import { plainTime } from '../report/quantities.ts'
import { gridRecord, type LoadPlace, placeOf, renderLoad } from '../report/load.ts'
import { draftJob } from '../roles/client/draft/draft.ts'
import { runLoad } from '../roles/client/load.ts'
import type { NodeRow } from '../node/protocol/submit/messages.ts'
import type { ProfileChange } from '../model/profile.ts'
import type { Client, JobDraft } from '../roles/client/types.ts'
import type { Profile } from '../report/profile-file.ts'
import { note, type Context } from './common/context.ts'
import { useDataDirectory } from './common/data-directory.ts'
import { checkExportFile, writeExportFile } from './files/export-files.ts'
import { catchInterrupts, type Interrupts } from './common/interrupts.ts'
import { ListOption } from './common/list-option.ts'
import { addConnectionOptions, addExamples, connectOptions, type ConnectionOptions, formatOption, type FormatOptions } from './common/options.ts'
import { showProgress, type Progress } from './progress/progress.ts'
import { renderRows, type Column } from './common/rows.ts'
import { writeAll } from './common/write.ts'

interface LoadOptions extends ConnectionOptions, FormatOptions {
  clients: number[]
  workers?: number[]
  tasks: number
  pause: number
  where?: string[]
  with?: string[]
  env?: string[]
  exportJson?: string
}

/** Connections of one process to one mesh. */
const MAX_CLIENTS = 64

const BY_NAME = new Intl.Collator('en', { numeric: true })

const COLUMNS: ReadonlyArray<Column<LoadPlace>> = [
  { heading: 'clients', key: 'clients', value: row => row.clients, align: 'right' },
  { heading: 'workers', key: 'workers', value: row => row.workers, align: 'right' },
  { heading: 'tasks', key: 'tasks', value: row => row.tasks, align: 'right' },
  { heading: 'failed', key: 'failed', value: row => row.failed, align: 'right' },
  { heading: 'tasks/s', key: 'tasks_per_second', value: row => row.perSecond ?? null, text: row => row.perSecond?.toPrecision(3) ?? '', align: 'right' },
  { heading: 'possible', key: 'possible_per_second', value: row => row.possible, text: row => row.possible.toPrecision(3), align: 'right' },
  { heading: 'share', key: 'share', value: row => gridRecord(row).share ?? null, text: row => row.perSecond == null ? '' : `${(row.perSecond / row.possible * 100).toFixed(1)} %`, align: 'right' },
  { heading: 'task', key: 'task', value: row => row.taskS, text: row => plainTime(row.taskS * 1e9), align: 'right' },
  { heading: 'around it', key: 'around', value: row => row.aroundS, text: row => plainTime(Math.max(0, row.aroundS) * 1e9), align: 'right' }
]

export function define (command: Command, context: Context): void {
  command.argument('<program>', 'as for meshmark exec')
    .argument('[args...]', 'handed to the program')
    .passThroughOptions()
    .option('--clients <n>', 'how many at once: 4, or each of 1..4, or 1,2,8', text => parseNumbers(text, '--clients', MAX_CLIENTS), [1])
    .option('--workers <n>', 'on how many workers, the first ones by name: as --clients (default: all of them)', text => parseNumbers(text, '--workers', 10_000))
    .option('--tasks <n>', 'of each client, one after the other', text => parseCount(text, '--tasks', 1, 100_000), 5)
    .option('--pause <duration>', 'between the end of a task and the next one', text => parseDuration(text, '--pause'), 0)
    .addOption(new ListOption('--where <conditions>', 'only workers that fit, e.g. arch=arm64,cores=8..,label.zone=lab'))
    .addOption(new ListOption('--with <file>', 'a file or folder that goes along'))
    .addOption(new ListOption('--env <key=value>', 'a variable of the program'))
    .optionsGroup('Results:')
    .addOption(formatOption())
    .option('--export-json <file>', 'the grid, and what every worker did meanwhile: for meshmark plot --profile FILE')
  addConnectionOptions(command)
  addExamples(command, [
    ['meshmark load --clients 8 --tasks 100 true', 'how many small tasks a second the mesh does'],
    ['meshmark load --clients 1..4 --workers 1..4 --pause 0.5s sleep 3', 'a grid of clients by workers'],
    ['meshmark load --clients 1..8 --export-json load.json ./solve 42', 'to be drawn: meshmark plot --profile load.json --kind scaling -o load.svg']
  ], `
Each client has a connection of its own and, where this machine may join by itself (it runs a
master, or --token is given), an identity of its own. Tasks a second are those of the steady state,
while every client has work; possible is the least of workers / T and clients / (T + pause), where T is
what the program itself takes. 'around it' is the rest of a task's time as its client sees it: the
way there and back, and waiting for a free worker. Ctrl-C cancels what is on its way.`)

  command.action(async (program: string, args: string[], options: LoadOptions) => {
    if (options.exportJson != null) {
      await checkExportFile('--export-json', options.exportJson)
    }

    const { draft, hints } = await draftJob({ kind: 'exec', words: [program, ...args], commands: [], names: [], options: { where: options.where, with: options.with, env: options.env }, on: 'any', plan: { kind: 'once' } })

    hints.forEach(hint => { note(context, hint) })

    const interrupts = catchInterrupts(context.signals)
    const clients: Client[] = []

    try {
      await connectAll(clients, Math.max(...options.clients), options, interrupts.detached, context)
      await load(clients, draft, options, interrupts, context)
    } catch (err) {
      if (!interrupts.detached.aborted) {
        throw err
      }

      note(context, 'interrupted: what was on its way is cancelled')
      context.exitCode = interrupts.exitCode()
    } finally {
      await Promise.all(clients.map(async client => client.close()))
      interrupts.stop()
    }
  })
}

async function load (clients: readonly Client[], draft: JobDraft, options: LoadOptions, interrupts: Interrupts, context: Context): Promise<void> {
  const [first] = clients
  const workers = await candidates(first!, draft)
  const grid: LoadPlace[] = []
  const beganMs = performance.now()
  const progress = showProgress(context)

  try {
    for (const count of options.workers ?? [workers.length]) {
      if (count > workers.length) {
        throw new MeshmarkError('no-worker', `--workers ${count}: only ${workers.length} ${workers.length === 1 ? 'worker is' : 'workers are'} there and free to take work${options.where == null ? '' : ' that fit'}`)
      }

      const chosen = workers.slice(0, count)
      const placed: JobDraft = { ...draft, placement: { on: 'any', where: [...draft.placement.where, { key: 'name', value: chosen.map(({ name }) => name).join('|') }] } }

      for (const size of options.clients) {
        const tasks = await underLoad(clients.slice(0, size), placed, `${counted(size, 'client')} on ${counted(count, 'worker')}`, options, interrupts.detached, progress)

        grid.push(placeOf(tasks, { clients: size, workers: count, places: chosen.reduce((sum, { info }) => sum + (info?.slots ?? 1), 0), pauseMs: options.pause }))
      }
    }
  } finally {
    progress.stop()
  }

  await writeAll(context.stdout, renderRows(grid, COLUMNS, options.format, '', context.stdout.columns || undefined))

  if (options.exportJson != null) {
    const recording = await recordingOf(clients, performance.now() - beganMs)

    await writeExportFile(options.exportJson, `${renderLoad({ command: commandTitle(draft.commands[0] ?? { argv: [] }), tasks: options.tasks, pauseMs: options.pause, grid, recording })}\n`)
  }

  if (grid.some(({ failed }) => failed > 0)) {
    context.exitCode = 1
  }
}

async function underLoad (clients: readonly Client[], draft: JobDraft, what: string, options: LoadOptions, signal: AbortSignal, progress: Progress): ReturnType<typeof runLoad> {
  const all = clients.length * options.tasks
  let done = 0

  progress.say(`${what}: 0 of ${all} tasks`)

  return runLoad(clients, draft, {
    tasks: options.tasks,
    pauseMs: options.pause,
    signal,
    onTask: ({ outcome, job, workerName }) => {
      done++
      progress.say(`${what}: ${done} of ${all} tasks`)

      if (outcome !== 'done') {
        progress.note(`job ${shortJobId(job)} on ${workerName}: ${outcome}`)
      }
    }
  })
}

/** As many as are wanted, each with an identity of its own, or as many connections of the one that there is. */
async function connectAll (clients: Client[], count: number, options: LoadOptions, signal: AbortSignal, context: Context): Promise<void> {
  useDataDirectory(options.data)

  const { connectClient } = await import('../roles/client/connect.ts')
  const base = { ...connectOptions(options), signal }
  let isOwn = true

  clients.push(await connectClient(base))

  for (let at = 1; at < count; at++) {
    try {
      clients.push(await connectClient(isOwn ? { ...base, identity: `load-${at}` } : base))
    } catch (err) {
      if (!isOwn || signal.aborted || !isMeshmarkError(err) || err.code !== 'refused') {
        throw err
      }

      note(context, 'this machine cannot join for each client: they have connections of their own, and one identity')
      isOwn = false
      at--
    }
  }
}

/** Workers that would take it, by name. */
async function candidates (client: Client, draft: JobDraft): Promise<NodeRow[]> {
  return (await client.nodes())
    .filter(({ role, state, draining, info }) => role === 'worker' && state !== 'lost' && state !== 'draining' && !draining && info != null && info.refusal == null && matches(info, draft.placement.where) === true)
    .sort((a, b) => BY_NAME.compare(a.name, b.name))
}

/** Of the time since then, with the jobs of all of these clients. */
async function recordingOf (clients: readonly Client[], withinMs: number): Promise<Profile> {
  const [whole, ...others] = await Promise.all(clients.map(async client => readProfile(client, { withinMs })))
  const own = new Map<string, ProfileChange>()
  const key = (change: ProfileChange): string => change.kind === 'task' ? `${change.worker} ${change.startedAtMs} ${change.endedAtMs}` : ''

  for (const { changes } of others) {
    changes.filter(change => change.kind === 'task' && change.job != null).forEach(change => own.set(key(change), change))
  }

  return { ...whole!, changes: whole!.changes.map(change => change.kind === 'task' && change.job == null ? own.get(key(change)) ?? change : change) }
}

/** `4`, `1..4`, `1,2,8`: each once, ascending. */
export function parseNumbers (text: string, option: string, max: number): number[] {
  const numbers = text.split(',').flatMap(part => {
    const [from = '', until, ...rest] = part.trim().split('..')
    const low = parseCount(from, option, 1, max)
    const high = until == null ? low : parseCount(until, option, 1, max)

    if (rest.length > 0 || high < low) {
      throw new MeshmarkError('usage', `${option} '${text}': '${part}' is no range: write e.g. 1..4`)
    }

    return Array.from({ length: high - low + 1 }, (_, at) => low + at)
  })

  return [...new Set(numbers)].sort((a, b) => a - b)
}
