import { isMeshmarkError, MeshmarkError, toError } from '../../model/errors.ts'
import { executionId, parseExecutionId } from '../../model/ids.ts'
import { DEFAULT_QUIET_MS } from '../../model/plan.ts'
import { WORKER_REPORT_MS } from '../../model/states.ts'
import { taskCommands } from '../../model/task-commands.ts'
import { meetDemand } from '../../machine/demands.ts'
import { readEnvironment } from '../../machine/environment.ts'
import { gradeNoise, readNoise } from '../../machine/noise.ts'
import { BuildFailure } from './builds/builds.ts'
import { variantFor, withVariant } from '../../machine/variants.ts'
import { BOX_DATA } from '../../sandbox/index.ts'
import { Collection } from './collection.ts'
import { deliverable } from './deliverable.ts'
import { LatestRuns } from './latest-runs.ts'
import { openPayload } from '../../store/open-payload.ts'
import type { Boxes } from './boxes.ts'
import type { DataSets } from './data-sets.ts'
import type { Builds } from './builds/builds.ts'
import type { ExecutionOutput } from './execution-output.ts'
import type { SealedJobs } from './sealed-jobs.ts'
import type { SharedTurns } from './shared-turns.ts'
import type { SlotStart } from './slot-state.ts'
import type { NoiseScope } from '../../machine/noise.ts'
import type { QuietWatch } from '../../machine/quiet-watch.ts'
import type { ExecutionKey } from '../../model/ids.ts'
import type { Command, Job } from '../../model/job.ts'
import type { Limits, SomeLimits } from '../../model/limits.ts'
import type { Grant, WorkerInfo } from '../../model/machine.ts'
import type { ExecutionResult } from '../../model/result.ts'
import type { TaskReport } from '../../node/protocol/task/messages.ts'
import type { Box, BoxFile, BoxReport, RunOptions } from '../../sandbox/index.ts'
import type { ContentStore } from '../../store/content.ts'
import type { ContentReader } from '../../store/content-reader.ts'

/** No exchange of clocks takes longer; a master may say anything. */
const MAX_START_ERROR_MS = 60_000

export interface ExecutionInit {
  start: SlotStart
  boxes: Boxes
  builds: Builds
  /** What this worker says of itself. */
  self: () => WorkerInfo
  /** What no job may exceed here. */
  ceilings: SomeLimits
  /** What jobs may do to the machine. */
  grants: Grant[]
  content: ContentStore
  /** What tasks bring back, until every master has it; each is pinned by its execution. */
  collected: ContentStore
  dataSets: DataSets
  /** For files that are on their way there. */
  collectDir: string
  jobs: SealedJobs
  turns: SharedTurns
  quiet: QuietWatch
  noise: NoiseScope
  output: ExecutionOutput
  /** The seal holds: this is what will be done. */
  onJob: (job: Job) => void
  /** Where it stands, for whoever listens. */
  onReport: (report: Extract<TaskReport, { kind: 'phase' | 'progress' }>) => void
  /** Aborted by a cancel, or when the worker must stop at once. */
  signal: AbortSignal
}

/**
 * Runs one execution to its record. Never rejects: whatever happens, there is
 * one result that says so.
 *
 * 1. check the client's seal
 * 2. wait for the machine: measured tasks have it alone, others share it; what
 *    has waited for its turn then waits for a quiet moment, too
 * 3. build what is to be built and is not there yet, in a box that nothing is measured in
 * 4. run in a box of its own
 * 5. close the box: nothing is left running, whatever the outcome
 */
export async function runExecution (init: ExecutionInit): Promise<ExecutionResult> {
  const record: ExecutionResult = {
    key: parseExecutionId(init.start.execution),
    outcome: 'interrupted',
    commands: [],
    startedAt: Date.now(),
    finishedAt: 0,
    waitedMs: 0
  }

  try {
    await run(init, record)
  } catch (err) {
    if (init.signal.aborted) {
      record.outcome = init.signal.reason instanceof MeshmarkError ? 'cancelled' : 'interrupted'
      record.reason = toError(init.signal.reason).message
    } else {
      record.outcome = 'not-run'
      record.reason = isMeshmarkError(err) ? err.message : `the sandbox broke down: ${toError(err).message}`
    }
  }

  record.finishedAt = Date.now()

  return deliverable(record)
}

async function run (init: ExecutionInit, record: ExecutionResult): Promise<void> {
  const job = await init.jobs.open(init.start.job)
  const measured = job.kind === 'run'
  init.onJob(job)
  const asked = performance.now()
  let waited = false
  let built: ContentReader | undefined
  let reports: NodeJS.Timeout | undefined

  const waiting = {
    signal: init.signal,
    onWait: () => {
      waited = true
      init.onReport({ kind: 'phase', phase: 'waiting-for-machine', detail: waitReason(measured) })
    }
  }
  const lock = measured ? await init.turns.alone(waiting) : await init.turns.shared(waiting)

  try {
    record.waitedMs = waited ? Math.max(1, Math.round(performance.now() - asked)) : 0

    built = await build(init, job, record)
    // a build takes longer than the others wait
    waited ||= record.build?.cached === false

    if (measured) {
      // whoever was measuring, or building, has left traces; the common instant is lost anyway
      const already = init.start.quietWaitMs ?? 0

      record.quietWaitMs = already + (waited ? await init.quiet.wait(Math.max(0, (job.quietMs ?? DEFAULT_QUIET_MS) - already), init.signal) : 0)
    }

    const running = (): void => { init.onReport({ kind: 'phase', phase: 'running' }) }

    running()
    // who follows a map is told that its worker lives, however silent the program is
    reports = job.map == null ? undefined : setInterval(running, job.map.reportMs ?? WORKER_REPORT_MS)

    const before = measured ? await readNoise(init.noise) : undefined
    const report = await inBox(init, job, { built, waited }, record)

    if (before != null) {
      record.noise = gradeNoise(before, await readNoise(init.noise), report.commands)
      record.environment = (await readEnvironment()).map(({ caveat }) => caveat)
    }

    record.outcome = report.outcome
    record.reason = report.reason
    record.commands = report.commands
    record.noCounters = report.noCounters

    const { startAtMs, startErrorMs } = init.start

    if (startAtMs != null) {
      record.start = {
        simultaneous: !waited && report.start != null,
        skewNs: report.start?.skewNs ?? Math.round((record.startedAt - startAtMs) * 1e6),
        ...(startErrorMs == null ? {} : { errorNs: Math.round(Math.min(Math.max(0, startErrorMs), MAX_START_ERROR_MS) * 1e6) })
      }
    }
  } finally {
    clearInterval(reports)
    await built?.close()
    await lock.release()
  }
}

/** What does not measure waits only for what does; what measures waits for everybody. */
function waitReason (measured: boolean): string {
  return measured ? 'another worker of this machine is busy' : 'another worker of this machine is measuring'
}

/** All files that a run begins with, when the job has something built before; undefined when it has not. */
async function build (init: ExecutionInit, job: Job, record: ExecutionResult): Promise<ContentReader | undefined> {
  if (job.build == null) {
    return undefined
  }

  const place = job.kind === 'run' ? undefined : init.start.place
  const shown = job.data == null ? undefined : await init.dataSets.show(job.data)

  try {
    const { reader, facts } = await init.builds.take({ ...job, build: job.build }, {
      createBox: async () => init.boxes.extra(place, shown?.views),
      signal: init.signal,
      onBegin: () => { init.onReport({ kind: 'phase', phase: 'waiting-for-machine', detail: 'building' }) }
    })

    record.build = facts

    return reader
  } catch (err) {
    if (err instanceof BuildFailure && !init.signal.aborted) {
      record.build = err.facts
      await init.output.append('stderr', err.output)
    }

    throw err
  } finally {
    await shown?.release()
  }
}

/** What came before the box. */
interface Before {
  /** What the build left, with all that it began with. */
  built: ContentReader | undefined
  /** The common instant has passed. */
  waited: boolean
}

async function inBox (init: ExecutionInit, job: Job, before: Before, record: ExecutionResult): Promise<BoxReport> {
  const place = job.kind === 'run' ? undefined : init.start.place
  const shown = job.data == null ? undefined : await init.dataSets.show(job.data)
  const box = await init.boxes.take(place, job, shown?.views).catch(async err => {
    await shown?.release()
    throw err
  })
  let isOver = false
  let collection: Collection | undefined

  try {
    init.signal.throwIfAborted()
    record.sandbox = box.facts
    record.cores = init.boxes.boundTo(place)
    record.limits = limitsOf(box, init, job, record.key.task)

    const commands = commandsOf(job, record.key)

    collection = job.collect == null ? undefined : new Collection(init.collectDir, commands.length > 1)

    const options = runOptions(init, record, collection)
    const report = box.repeatable
      ? await box.again(commands, options)
      : await runFirst(box, init, job, record.limits, before, commands, options)

    isOver = true
    // after a cancel nobody asks for them
    record.collected = await collection?.finish(init.collected, executionId(record.key), report.skipped ?? [])

    return report
  } finally {
    await collection?.discard()
    await shown?.release()
    await init.boxes.give(place, job, box, isOver)
  }
}

/** The coordinator looks at this too, but only the worker knows its box. Throws when this job must not run in it. */
function limitsOf (box: Box, { ceilings, grants }: ExecutionInit, job: Job, task: string): Limits {
  const met = meetDemand({ sandbox: box.facts, ceilings, grants }, job, task)

  if ('refusal' in met) {
    throw new MeshmarkError('refused', `this worker must not do this job: ${met.refusal}`)
  }

  return met.limits
}

/** What is handed out is told which task it is, and how often that has been tried. */
function commandsOf (job: Job, { task, attempt }: ExecutionKey): Command[] {
  const own = { MESHMARK_TASK: task, MESHMARK_ATTEMPT: String(attempt) }
  const commands = taskCommands(job, task)

  return job.kind === 'run' ? commands : commands.map(command => ({ ...command, env: { ...own, ...job.env, ...command.env } }))
}

async function runFirst (box: Box, init: ExecutionInit, job: Job, limits: Limits, { built, waited }: Before, commands: Command[], options: RunOptions): Promise<BoxReport> {
  const payload = built ?? (job.payload == null ? undefined : await openPayload(init.content, job.payload))
  let variant: OwnVariant | undefined

  try {
    variant = await ownVariant(init, job)

    // one descriptor is one payload
    const whole = variant?.reader == null ? payload : isEmpty(payload) ? variant.reader : undefined

    return await box.run({
      kind: job.kind,
      commands,
      files: filesOf(job, payload, variant),
      descriptor: whole == null || isEmpty(whole) ? undefined : await whole.descriptor(),
      // a task of a map has one command
      stdin: commands[0]?.stdin ?? job.stdin,
      env: job.data == null ? job.env : { MESHMARK_DATA: BOX_DATA, ...job.env },
      limits,
      plan: job.plan,
      comparison: job.comparison,
      ignoreFailure: job.ignoreFailure,
      coldCache: job.coldCache,
      counters: job.counters,
      collect: job.collect,
      data: job.data != null,
      startAt: waited ? undefined : init.start.startAtMs,
      // items are many, and short as a rule
      repeat: job.kind === 'exec' && job.each != null && job.counters !== true
    }, options)
  } finally {
    await variant?.reader?.close()
    await (payload === built ? undefined : payload?.close())
  }
}

/** The file that is this worker's program; without a reader it is one of the job's files. */
interface OwnVariant {
  path: string
  reader?: ContentReader
}

/** Throws when there is no file for this worker. */
async function ownVariant ({ self, content }: ExecutionInit, { variants }: Job): Promise<OwnVariant | undefined> {
  const chosen = variants == null ? undefined : variantFor(self(), variants)

  if (chosen != null && 'refusal' in chosen) {
    throw new MeshmarkError('refused', chosen.refusal)
  }

  return chosen == null ? undefined : { path: chosen.path, ...(chosen.payload == null ? {} : { reader: await openPayload(content, chosen.payload) }) }
}

/** In the order of their contents. */
function filesOf ({ variants }: Job, payload: ContentReader | undefined, variant: OwnVariant | undefined): BoxFile[] {
  const files = payload == null ? [] : contentsOf(payload)

  if (variants == null || variant == null) {
    return files
  }

  return variant.reader == null
    ? withVariant(files, variants.program, variant.path)
    : [...files, ...contentsOf(variant.reader).slice(0, 1).map(file => ({ ...file, path: variants.program, executable: true }))]
}

function contentsOf (reader: ContentReader): BoxFile[] {
  return reader.manifest.files.map(file => ({ ...file, read: () => reader.readFile(file.path) }))
}

function isEmpty (reader: ContentReader | undefined): boolean {
  return reader == null || reader.manifest.chunks.length === 0
}

function runOptions (init: ExecutionInit, record: ExecutionResult, collection: Collection | undefined): RunOptions {
  const latest = new LatestRuns()

  return {
    signal: init.signal,
    onEvent: async event => {
      switch (event.kind) {
        case 'started':
          record.startedAt = Math.round(event.at)
          break
        case 'progress':
          init.onReport({ kind: 'progress', command: event.command, runs: event.runs, of: event.of, ...latest.take(event.command, event.runs, performance.now()) })
          break
        case 'output':
          await init.output.append(event.stream, event.data)
          break
        case 'file':
        case 'content':
          await collection?.take(event)
          break
        case 'sample':
          latest.add(event.sample, performance.now())
      }
    }
  }
}
