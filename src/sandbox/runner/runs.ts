import { closeSync, existsSync, openSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import { describeLimit } from '../../model/limits.ts'
import { succeeded } from '../../model/sample.ts'
import { BOX, MAX_OUTPUT_BYTES } from '../layout.ts'
import { describeExit } from './exit-status.ts'
import { makeImage } from './image.ts'
import { SpawnError } from './launch.ts'
import { adoptedMaxRss } from './memory.ts'
import { FileOutputs, LiveOutputs } from './outputs.ts'
import { baseEnvironment } from './programs.ts'
import { sandboxProblem, spawnProblem } from './refusals.ts'
import { runOnce } from './run.ts'
import { Template } from './template.ts'
import { TreeWatch } from './tree.ts'
import { limitBehind, sampleOf } from './verdict.ts'
import { waitUntil } from './wait-until.ts'
import type { Hooks } from '../../model/job.ts'
import type { LimitName } from '../../model/limits.ts'
import type { Sample } from '../../model/sample.ts'
import type { RunnerTask } from '../protocol.ts'
import type { Control } from './control.ts'
import type { Image } from './image.ts'
import type { Measured } from './measured.ts'
import type { Outputs, Printed } from './outputs.ts'
import type { Means, Ran } from './run.ts'

/** What hooks are lines for. */
const SHELL = '/bin/sh'

const NO_OP = '/usr/bin/true'

/** What takes longer hardly notices how it was started. */
const QUICK_NS = 20_000_000

const nowNs = (): bigint => process.hrtime.bigint()

/**
 * Everything that is started for a task. A run begins in a fresh place; then
 * come its prepare hook, the clock, its conclude hook. None of the hooks is
 * timed, and all of it counts as time spent on the command.
 */
export class Runs {
  readonly #means: Means
  readonly #control: Control
  readonly #task: RunnerTask
  readonly #outputs: Outputs
  readonly #tree: TreeWatch
  /** Absent where there is none, and for what is not measured. */
  readonly #noOp: Image | undefined
  readonly #hooks = new Map<string, Image>()
  /** What setups left, all commands together. */
  #keptBytes = 0
  #firstNs: bigint | undefined
  #startTold = false

  constructor (means: Means, control: Control, task: RunnerTask) {
    const { launcher, meter, stagehand } = means

    this.#means = means
    this.#control = control
    this.#task = task
    this.#noOp = task.kind === 'run' && existsSync(NO_OP) ? makeImage(launcher.libc, NO_OP, ['true'], baseEnvironment()) : undefined
    this.#tree = new TreeWatch(task.limits, meter, launcher.libc.getpagesize(), availableParallelism())
    this.#outputs = task.kind === 'exec'
      ? new LiveOutputs(launcher, control, task.limits.outputBytes)
      : new FileOutputs(launcher, stagehand, Math.min(task.limits.outputBytes, MAX_OUTPUT_BYTES))
  }

  /** Once, before all runs of a command; what it leaves is what they begin with. */
  setUp (command: Measured): void {
    if (this.#hasHook(command, 'setup')) {
      this.#renew(command)

      if (this.#hook(command, 'setup')) {
        const { stagehand, launcher } = this.#means

        try {
          command.contents = new Template(stagehand, launcher, command.index, this.#roomForTemplate(), this.#control.alive)
          this.#keptBytes += command.contents.roomBytes
        } catch (err) {
          command.notRun = sandboxProblem(`what its setup command left cannot be kept: ${err instanceof Error ? err.message : String(err)}`)
        }
      }
    }
  }

  /** Once, after all runs of a command. */
  cleanUp (command: Measured): void {
    if (this.#hasHook(command, 'cleanup')) {
      this.#renew(command)
      this.#hook(command, 'cleanup')
    }
  }

  /** One run in a fresh place; undefined when its program could not be started, or a hook failed. The command says which then. */
  run (command: Measured, which: string): Sample | undefined {
    const beganNs = nowNs()

    try {
      this.#renew(command)

      if (!this.#hook(command, 'prepare', which)) {
        return undefined
      }

      this.#coolDown()

      const sample = this.#measure(command, which)

      if (sample != null && command.ended == null) {
        this.#hook(command, 'conclude', which)
      }

      return sample
    } finally {
      command.spentMs += Number(nowNs() - beganNs) / 1e6
    }
  }

  /** Where runs are not billed for memory: one more for the peak of its largest process, which is not timed. */
  memoryOf (command: Measured, wallMs: number): number | undefined {
    this.#renew(command)

    if (!this.#hook(command, 'prepare', 'the run for its memory')) {
      return undefined
    }

    this.#openStdin()
    this.#outputs.open()
    this.#control.alive()

    try {
      return adoptedMaxRss(this.#means.launcher, command.runnable, Math.min(this.#task.limits.wallMs, wallMs))
    } finally {
      this.#outputs.finish()
      this.#means.stage.used()
    }
  }

  /**
   * The first one may be as large as a working copy; several may not get round
   * the limit of memory by being many. Half of it is for the copy of a run.
   */
  #roomForTemplate (): number {
    const { tmpBytes, memoryBytes } = this.#task.limits
    const working = tmpBytes + this.#means.stage.payloadBytes
    const most = Math.min(totalmem() / 2, Math.max(memoryBytes, 2 * working))

    return Math.max(0, Math.floor((most - this.#keptBytes) / 2))
  }

  #renew (command: Measured): void {
    this.#control.alive()
    this.#means.stage.renew(this.#control.alive, command.contents)
  }

  #measure (command: Measured, which: string): Sample | undefined {
    const { limits, ignoreFailure } = this.#task
    const { counters } = this.#means

    this.#openStdin()
    this.#outputs.open()
    this.#control.alive()

    this.#warmStart(command)

    const before = counters?.read()

    if (this.#firstNs == null && this.#task.startNs != null) {
      waitUntil(BigInt(this.#task.startNs))
    }

    const done = this.#start(command.image, startNs => { this.#tellStart(startNs) })

    if (done instanceof SpawnError) {
      command.notRun = spawnProblem(done, command.runnable.path)
      return undefined
    }

    const { ran, printed, limit } = done
    const counts = before == null ? undefined : counters?.since(before)

    const sample = { ...sampleOf(command.index, command.samples.length, ran, this.#firstNs ?? ran.startNs), ...(counts == null ? {} : { counters: counts }) }
    const well = succeeded(sample, ignoreFailure)

    this.#keepOutput(command, printed, well, which.startsWith('warm-up'))

    if (!well) {
      command.ended = limit == null
        ? { outcome: 'failed', reason: `${describeExit(ran.exit)} in ${which}` }
        : { outcome: 'limit', reason: `${describeLimit(limit, limits)} in ${which}` }
    }

    return sample
  }

  #start (image: Image, onStart: (startNs: bigint) => void): { ran: Ran, printed: Printed, limit?: LimitName } | SpawnError {
    const { limits } = this.#task
    const { stage } = this.#means
    const tree = this.#tree
    let ran: Ran

    tree.begin()

    try {
      const { pollfds, onReady } = this.#outputs

      ran = runOnce(this.#means, image, limits.wallMs, {
        get intervalMs () { return tree.intervalMs },
        ...(pollfds == null ? {} : { pollfds }),
        ...(onReady == null ? {} : { onReady: () => this.#outputs.onReady?.() }),
        onStart: startNs => {
          onStart(startNs)
          this.#control.flush()
        },
        onInterval: startNs => {
          onStart(startNs)
          this.#control.flush()
          return this.#outputs.exceeded() ? 'output' : stage.exceeded(limits) ?? tree.look()
        },
        onFailure: () => { tree.lookBack() }
      })
    } catch (err) {
      if (err instanceof SpawnError) {
        this.#outputs.finish()
        return err
      }

      throw err
    } finally {
      stage.used()
    }

    onStart(ran.startNs)
    this.#control.alive()

    const printed = this.#outputs.finish(this.#control.alive)
    const limit = ran.limit ?? limitBehind(ran, limits, printed, tree.reached) ?? stage.exceeded(limits)

    if (limit != null) {
      ran.limit = limit
    }

    return { ran, printed, ...(limit == null ? {} : { limit }) }
  }

  #hasHook ({ index }: Measured, name: keyof Hooks): boolean {
    return this.#task.commands[index]?.hooks?.[name] != null
  }

  /** True when there is none, or it did well. A failed one ends its command, as hyperfine does. */
  #hook (command: Measured, name: keyof Hooks, which?: string): boolean {
    const line = this.#task.commands[command.index]?.hooks?.[name]

    if (line == null) {
      return true
    }

    const { launcher } = this.#means
    const image = this.#hooks.get(line) ?? makeImage(launcher.libc, SHELL, ['sh', '-c', line], command.runnable.env)

    this.#hooks.set(line, image)
    launcher.setNoStdin()
    this.#outputs.open()
    this.#control.alive()

    const done = this.#start(image, () => {})

    if (done instanceof SpawnError) {
      command.notRun = spawnProblem(done, SHELL)
      return false
    }

    const { ran, printed, limit } = done
    const when = which == null ? '' : `, for ${which}`

    if (limit != null) {
      command.ended = { outcome: 'limit', reason: `${describeLimit(limit, this.#task.limits)} in its ${name} command${when}` }
    } else if (!succeeded(ran)) {
      command.ended = { outcome: 'failed', reason: `its ${name} command: ${describeExit(ran.exit)}${when}; append ' || true' to it if that may be` }
    }

    if (command.ended != null) {
      this.#sendOutput(printed)
    }

    return command.ended == null
  }

  /**
   * Preparing a run leaves the processor with other things than starting
   * programs, which makes the next start some 8 % of a quick program slower
   * than in a loop that does nothing else. One more start right before, of a
   * program that does nothing, makes it the same again.
   */
  #warmStart ({ wallNs }: Measured): void {
    const { launcher } = this.#means

    if (this.#noOp != null && this.#task.coldCache !== true && (wallNs.at(-1) ?? 0) < QUICK_NS) {
      launcher.wait(launcher.spawn(this.#noOp))
    }
  }

  /** Last of all before the clock: what was read since is warm again. */
  #coolDown (): void {
    if (this.#task.coldCache === true) {
      this.#control.ask({ type: 'cool' }, 'cooled')
    }
  }

  /** The first measured run's output is kept; a failed run's is told, whichever it is. */
  #keepOutput (command: Measured, printed: Printed, good: boolean, warmup: boolean): void {
    if (warmup ? !good : command.first == null || !good) {
      this.#sendOutput(printed)
    }

    if (!warmup) {
      command.first ??= printed
      command.same &&= command.first.stdoutDigest === printed.stdoutDigest
    }
  }

  #sendOutput ({ kept }: Printed): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      if (kept[stream].length > 0) {
        this.#control.sendOutput(stream, kept[stream])
      }
    }
  }

  #openStdin (): void {
    const { stdin } = this.#task
    const fd = openSync(stdin == null ? '/dev/null' : join(BOX.work, stdin), 'r')

    this.#means.launcher.setStdio(0, fd)
    closeSync(fd)
  }

  /** Once: from the first interval of a long first run, or right after a short one. */
  #tellStart (startNs: bigint): void {
    this.#firstNs ??= startNs

    if (!this.#startTold) {
      this.#startTold = true

      const { startNs: wanted } = this.#task

      this.#control.post({ type: 'started', atNs: String(startNs), ...(wanted == null ? {} : { skewNs: Number(startNs - BigInt(wanted)) }) })
    }
  }
}
