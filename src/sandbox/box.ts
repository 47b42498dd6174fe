import { MeshmarkError, toError } from '../model/errors.ts'
import { formatBytes, formatDuration } from '../model/units.ts'
import { BoxGone, expect, nextFrame, readFrames, sendFile, write } from './box-link.ts'
import { BoxProcess } from './box-process.ts'
import { fromMonotonicNs, toMonotonicNs } from './clock.ts'
import { explainFailure } from './explain-failure.ts'
import { factsOf } from './facts.ts'
import { encodeJson, FRAME } from './frame.ts'
import { IncomingFiles } from './incoming-files.ts'
import { OutsideWatch } from './outside-watch.ts'
import { programFacts, threadsOf, useOf } from './outside.ts'
import { parseFromRunner } from './protocol.ts'
import { SampleList } from './sample-list.ts'
import { describeLimit } from '../model/limits.ts'
import { Watchdog } from './watchdog.ts'
import type { SandboxFacts } from '../model/machine.ts'
import type { CommandResult } from '../model/result.ts'
import type { LoadedBoxFiles } from './box-files.ts'
import type { BoxOptions, BoxReport, BoxTask, RunOptions } from './box-types.ts'
import type { Frame } from './frame.ts'
import type { RunnerFacts, RunnerUse, ToRunner } from './protocol.ts'

/** Cold caches and a busy machine included; it takes a tenth of a second as a rule. */
const START_MS = 30_000

/** The runner enforces a run's wall limit; a box that has said nothing for that long and this much more is ended. */
const GRACE_MS = 1_000

/** To end and clear away what one task left, before the next. */
const CLEAN_MS = 5_000

/** The kernel charges memory to a group in pieces of about this size: the limit of a task is no finer. */
const LIMIT_SLACK_BYTES = 256 * 1024

/** What the kernel keeps of a task for a while, and the runner takes more than at first; or that share of the limit. */
const SPARE_BYTES = 8 * 1024 * 1024
const SPARE_SHARE = 64

/** How often the runner speaks between runs. */
const QUIET_MS = 100

/** One sandbox with a runner in it, for one task, or for tasks that differ in their commands only, one after the other. */
export class Box {
  readonly facts: SandboxFacts
  /** Of bwrap, on the host. */
  readonly pid: number
  /** Resolves when nothing of the box is left, with the reason. */
  readonly closed: Promise<{ reason: string }>
  readonly #process: BoxProcess
  #gone = false
  readonly #frames: AsyncGenerator<Frame>
  /** Of the runner. */
  readonly #threads: number
  /** Where its box has no /proc: on the host. */
  readonly #runner: { pid: number, pageBytes: number } | undefined
  readonly #log: (line: string) => void
  readonly #emptyCache: (() => Promise<void>) | undefined
  #used = false
  /** What `again` repeats, once a first time has come to its end. */
  #repeated: BoxTask | undefined
  #clean = false
  /** Charged to its group when its first task began. */
  #baseBytes = 0
  /** What was charged when the limit of memory was set, which is beyond that. */
  #limitedAtBytes = 0

  private constructor (process: BoxProcess, frames: AsyncGenerator<Frame>, threads: number, runner: { pid: number, pageBytes: number } | undefined, facts: SandboxFacts, { log, ground }: BoxOptions) {
    this.#process = process
    this.#frames = frames
    this.#threads = threads
    this.#runner = runner
    this.#log = log ?? (() => {})
    this.#emptyCache = ground?.emptyCache
    this.facts = facts
    this.pid = process.pid
    this.closed = process.ended.then(reason => {
      this.#gone = true

      return { reason }
    })
  }

  /** Can it still be given a task? */
  get usable (): boolean {
    return !this.#gone && !this.#used
  }

  /** Might it be given its task `again`? */
  get repeatable (): boolean {
    return !this.#gone && this.#repeated != null
  }

  /** Starts bwrap and the runner; resolves when the runner waits for a task. */
  static async create (opts: BoxOptions, o: { signal?: AbortSignal } = {}): Promise<Box> {
    const files = usable(opts)

    o.signal?.throwIfAborted()

    const process = await BoxProcess.start(files, opts)
    const abort = () => { process.kill('aborted') }
    const timer = setTimeout(() => { process.kill(`the sandbox was not ready after ${START_MS / 1000} s`) }, START_MS)

    o.signal?.addEventListener('abort', abort, { once: true })
    process.setReading(true)

    try {
      const frames = readFrames(process.control)
      const boot = await expect(frames, 'boot')
      const runner = opts.ground?.noProc == null ? undefined : await process.runnerPid()
      const tids = runner == null ? boot.tids : threadsOf(runner)

      if (tids.length === 0) {
        throw new Error('the runner does not know its threads')
      }

      const filters = files.compiler.filtersFor(tids, { memfd: opts.ground?.cgroups?.bounds.memory === true, twoUids: opts.ground?.maps != null })

      await write(process.control, encodeJson({
        type: 'filters',
        programs: filters.programs.map(program => program.toString('base64')),
        ...(process.billing == null ? {} : { group: process.billing.handles })
      } satisfies ToRunner))

      const facts = runner == null ? (await expect(frames, 'ready')).facts : await lookInto(process, runner, frames)

      if (facts == null) {
        throw new Error('the runner did not say what holds in the box')
      }

      return new Box(process, frames, tids.length, runner == null ? undefined : { pid: runner, pageBytes: files.pageBytes }, factsOf(files, opts.ground, facts, filters.hash), opts)
    } catch (err) {
      const reason = await end(process, err)

      o.signal?.throwIfAborted()
      throw explainFailure(process.stderr, reason, err)
    } finally {
      clearTimeout(timer)
      process.setReading(false)
      o.signal?.removeEventListener('abort', abort)
    }
  }

  /**
   * Carries out a task; once, since nobody gets a box after a stranger. What
   * the program does to the box is a result too, with what was measured before.
   * Rejects when the runner says that it cannot go on, a file of the payload
   * cannot be read, `onEvent` rejects, or the signal or `close` ends it; the box
   * is being closed then.
   */
  async run (task: BoxTask, o: RunOptions): Promise<BoxReport> {
    if (this.#used) {
      throw new Error('a box serves one task only')
    }

    this.#used = true
    o.signal?.throwIfAborted()

    const report = await this.#perform(task, o, async () => this.#send(task))

    // where there is no /proc, it cannot be looked at as a whole
    this.#repeated = task.repeat === true && this.#runner == null ? task : undefined

    return report
  }

  /**
   * Is nothing left of the task before? The runner has ended every process and
   * renewed everything that a program can write to, right after its result; what of this is not certain
   * ends the box, and resolves with false when that is over. To be called
   * before `again`.
   */
  async isClean (): Promise<boolean> {
    const { billing } = this.#process
    const task = this.#repeated

    if (this.#clean) {
      return !this.#gone
    }

    if (task == null || this.#gone) {
      return false
    }

    const timer = setTimeout(() => { this.#process.kill(`the sandbox was not clean within ${CLEAN_MS / 1000} s`) }, CLEAN_MS)

    this.#process.setReading(true)

    try {
      await expect(this.#frames, 'clean')

      const charged = billing?.group.chargedBytes() ?? 0

      const payloadBytes = task.files.reduce((sum, { size }) => sum + size, 0)

      // the original of the payload and the copy that is ready
      if (charged > this.#baseBytes + 2 * payloadBytes + Math.max(SPARE_BYTES, task.limits.memoryBytes / SPARE_SHARE)) {
        throw new Error(`${formatBytes(charged - this.#baseBytes)} of memory are still charged to it`)
      }

      if (Math.abs(charged - this.#limitedAtBytes) > LIMIT_SLACK_BYTES) {
        this.#limitedAtBytes = charged
        billing?.group.setLimits(task.limits, this.#threads)
      }

      this.#clean = true

      return true
    } catch (err) {
      const reason = await end(this.#process, err)

      this.#log(`a sandbox is not used again: ${err instanceof BoxGone ? reason : toError(err).message}`)

      return false
    } finally {
      clearTimeout(timer)
      this.#process.setReading(false)
    }
  }

  /** The same task as the one before with other commands, once `isClean` has said that this can be. Rejects as `run` does. */
  async again (commands: BoxTask['commands'], o: RunOptions): Promise<BoxReport> {
    const task = this.#repeated

    if (task == null || !this.#clean) {
      throw new Error('a box must be clean before it repeats its task')
    }

    this.#clean = false
    this.#repeated = undefined
    o.signal?.throwIfAborted()

    const repeated: BoxTask = { ...task, commands, startAt: undefined }
    const report = await this.#perform(repeated, o, async () => { await write(this.#process.control, encodeJson({ type: 'again', commands } satisfies ToRunner)) })

    this.#repeated = repeated

    return report
  }

  async #perform (task: BoxTask, o: RunOptions, send: () => Promise<void>): Promise<BoxReport> {
    const abort = () => { this.#process.kill('aborted') }
    const samples = new SampleList(task)
    let overdue = false
    let exceeded: 'memory' | 'cpu' | undefined
    const watchdog = new Watchdog(() => {
      overdue = true
      this.#process.kill(`the sandbox did not answer within ${GRACE_MS / 1000} s of the wall limit of ${formatDuration(task.limits.wallMs)}`)
    })

    const outside = this.#runner == null
      ? undefined
      : new OutsideWatch(this.#runner, task.limits, { memory: this.facts.bounds?.memory !== true, cpu: this.facts.methods.cpu === 'rusage' }, limit => {
        exceeded = limit
        this.#process.kill(`${describeLimit(limit, task.limits)}: the sandbox was ended for it`)
      })

    o.signal?.addEventListener('abort', abort, { once: true })
    outside?.start()
    this.#process.setReading(true)

    try {
      const sending = send()
      // Its failure shows through `receiving` when the box is gone, else below.
      const failed = sending.then(async () => new Promise<never>(() => {}))

      // A box that was killed does not wait for whoever takes its output.
      const cut = this.#process.ended.then(async () => {
        if (!this.#process.wasKilled) {
          await new Promise<never>(() => {})
        }

        throw new BoxGone('the sandbox ended')
      })

      return await Promise.race([this.#receive(task, o, watchdog, samples), failed, cut])
    } catch (err) {
      const closed = this.#process.wasKilled && !overdue && exceeded == null
      const reason = await end(this.#process, err)

      o.signal?.throwIfAborted()
      this.#logStderr()

      if (!(err instanceof BoxGone) || closed) {
        throw err instanceof BoxGone ? new Error(reason, { cause: err }) : err
      }

      if (this.#process.outOfMemory) {
        return { outcome: 'limit', reason: `memory limit of ${formatBytes(task.limits.memoryBytes)}: the sandbox itself was ended for it`, commands: task.commands.map((_, index) => this.#unfinished(index, samples)) }
      }

      return { outcome: overdue || exceeded != null ? 'limit' : 'failed', reason, commands: task.commands.map((_, index) => this.#unfinished(index, samples)) }
    } finally {
      watchdog.stop()
      outside?.stop()
      this.#process.setReading(false)
      o.signal?.removeEventListener('abort', abort)
    }
  }

  /** Ends everything in the box; resolves when nothing of it is left. */
  async close (): Promise<void> {
    this.#process.kill('closed')
    await this.#process.ended
  }

  async #send (task: BoxTask): Promise<void> {
    const { kind, commands, files, descriptor, stdin, env, limits, plan, comparison, ignoreFailure, coldCache, counters, collect, data, startAt } = task
    const { control, billing } = this.#process

    this.#baseBytes = billing?.group.chargedBytes() ?? 0
    this.#limitedAtBytes = this.#baseBytes
    billing?.group.setLimits(limits, this.#threads)
    await write(control, encodeJson({
      type: 'task',
      task: {
        kind,
        commands,
        files: files.map(({ path, size, executable }) => ({ path, size, executable })),
        ...(descriptor == null ? {} : { descriptor: true }),
        env,
        limits,
        plan,
        ...(comparison == null ? {} : { comparison }),
        ...(ignoreFailure == null ? {} : { ignoreFailure }),
        ...(coldCache == null ? {} : { coldCache }),
        ...(counters == null ? {} : { counters }),
        ...(collect == null ? {} : { collect }),
        ...(data === true ? { data } : {}),
        ...(task.repeat === true && this.#runner == null ? { repeat: true } : {}),
        ...(stdin == null ? {} : { stdin }),
        ...(this.#runner == null ? {} : { runner: useOfRunner(this.#runner.pid) }),
        ...(startAt == null ? {} : { startNs: String(toMonotonicNs(startAt)) })
      }
    } satisfies ToRunner))

    if (descriptor != null) {
      await this.#process.pass(descriptor)
      return
    }

    for (const file of files) {
      await sendFile(control, file)
    }
  }

  /** All that is known of a command whose box is gone. */
  #unfinished (command: number, samples: SampleList): CommandResult {
    return { command, samples: samples.of(command), warmups: 0, memoryMethod: 'none', cpuMethod: this.facts.methods.cpu }
  }

  async #receive (task: BoxTask, { onEvent }: RunOptions, watchdog: Watchdog, samples: SampleList): Promise<BoxReport> {
    const files = new IncomingFiles(task.collect)
    let start: BoxReport['start']

    const quiet = () => Math.max(0, (task.startAt ?? 0) - performance.timeOrigin - performance.now()) + task.limits.wallMs + QUIET_MS + GRACE_MS

    for (;;) {
      const frame = await nextFrame(this.#frames)

      // Whoever takes the output may take long; that is not the box's fault.
      watchdog.stop()

      if (frame.kind !== FRAME.data) {
        files.expectNothing()
      }

      if (frame.kind === FRAME.stdout || frame.kind === FRAME.stderr) {
        await onEvent({ kind: 'output', stream: frame.kind === FRAME.stdout ? 'stdout' : 'stderr', data: frame.body })
        watchdog.start(quiet())
        continue
      }

      if (frame.kind === FRAME.data) {
        files.take(frame.body)
        await onEvent({ kind: 'content', data: frame.body })
        watchdog.start(quiet())
        continue
      }

      const message = parseFromRunner(frame.body, task.commands.length)

      switch (message.type) {
        case 'received':
        case 'alive':
          break
        case 'cool':
          await this.#coolDown(task)
          break
        case 'started': {
          const at = fromMonotonicNs(BigInt(message.atNs))

          start = message.skewNs == null ? undefined : { at, skewNs: message.skewNs }
          await onEvent({ kind: 'started', at, skewNs: message.skewNs })
          break
        }
        case 'progress':
          await onEvent({ kind: 'progress', command: message.command, runs: message.runs, of: message.of })
          break
        case 'samples':
          for (const sample of message.samples) {
            samples.add(sample)
            await onEvent({ kind: 'sample', sample })
          }
          break
        case 'file': {
          const { command, path, size, executable } = message

          files.announce(message)
          await onEvent({ kind: 'file', command, path, size, executable })
          break
        }
        case 'result':
          return {
            outcome: message.outcome,
            ...(message.reason == null ? {} : { reason: message.reason }),
            ...(message.noCounters == null ? {} : { noCounters: message.noCounters }),
            ...(message.skipped == null ? {} : { skipped: message.skipped }),
            commands: message.commands.map(summary => ({ ...summary, samples: samples.of(summary.command) })),
            ...(start == null ? {} : { start })
          }
        case 'broken':
          throw new Error(message.reason)
        default:
          throw new Error(`unexpected message ${message.type} from the box`)
      }

      watchdog.start(quiet())
    }
  }

  /** The runner waits; only a task that was let to may make everybody's files cold. */
  async #coolDown (task: BoxTask): Promise<void> {
    if (task.coldCache !== true || this.#emptyCache == null) {
      throw new Error('the box asked for something that it must not have')
    }

    await this.#emptyCache()
    await write(this.#process.control, encodeJson({ type: 'cooled' } satisfies ToRunner))
  }

  #logStderr (): void {
    if (this.#process.stderr !== '') {
      this.#log(this.#process.stderr)
    }
  }
}

function useOfRunner (pid: number): RunnerUse {
  try {
    return useOf(pid)
  } catch (err) {
    throw new BoxGone('the sandbox ended', { cause: err })
  }
}

/** The facts of a box that has no /proc to read them in. */
async function lookInto ({ control }: BoxProcess, runner: number, frames: AsyncGenerator<Frame>): Promise<RunnerFacts> {
  await expect(frames, 'look')

  const facts = programFacts(runner)

  await write(control, encodeJson({ type: 'seen' } satisfies ToRunner))
  await expect(frames, 'ready')
  return facts
}

/** Resolves with the reason when nothing of the box is left. */
async function end (process: BoxProcess, err: unknown): Promise<string> {
  if (err instanceof BoxGone) {
    return process.collapse(err.message)
  }

  process.kill(toError(err).message)
  return process.ended
}

function usable ({ files }: BoxOptions): LoadedBoxFiles {
  if ('problem' in files) {
    throw files.problem
  }

  if (process.getuid?.() === 0) {
    throw new MeshmarkError('refused', 'boxes are not built by root: drop privileges first')
  }

  return files
}
