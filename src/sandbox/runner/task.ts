import { closeSync, openSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { describeLimit } from '../../model/limits.ts'
import { succeeded } from '../../model/sample.ts'
import { nextRun } from '../../measure/plan.ts'
import { median } from '../../stats/quantile.ts'
import { BOX, MAX_OUTPUT_BYTES } from '../layout.ts'
import { describeExit } from './exit-status.ts'
import { ownUse } from './facts.ts'
import { makeImage } from './image.ts'
import { SpawnError } from './launch.ts'
import { adoptedMaxRss } from './memory.ts'
import { FileOutputs, LiveOutputs } from './outputs.ts'
import { baseEnvironment, findProgram } from './programs.ts'
import { sandboxProblem, spawnProblem, taskProblem } from './refusals.ts'
import { runOnce } from './run.ts'
import { TreeWatch } from './tree.ts'
import { limitBehind, sampleOf, verdict } from './verdict.ts'
import { waitUntil } from './wait-until.ts'
import type { NotRun } from '../../model/result.ts'
import type { Sample } from '../../model/sample.ts'
import type { CommandSummary, RunnerTask } from '../protocol.ts'
import type { Control } from './control.ts'
import type { Image } from './image.ts'
import type { Launcher } from './launch.ts'
import type { Outputs, Printed } from './outputs.ts'
import type { Runnable } from './programs.ts'
import type { Means, Ran } from './run.ts'
import type { Stage } from './stage.ts'
import type { Ended } from './verdict.ts'
import type { WorkingCopy } from './working-copy.ts'

/** A program that takes longer is not run once more for its memory. */
const MEMORY_RUN_MS = 2_000

const SAMPLES_PER_MESSAGE = 200

const nowNs = (): bigint => process.hrtime.bigint()

/** A command that can be run, and what came of it so far. */
interface Measured {
  index: number
  runnable: Runnable
  image: Image
  warmups: number
  samples: Sample[]
  wallNs: number[]
  spentMs: number
  first?: Printed
  same: boolean
  ended?: Ended
  notRun?: NotRun
  reached?: number
  /** Where runs are not billed for it. */
  memoryBytes?: number
}

/**
 * One task from its payload to its result:
 *
 * 1. take the payload, look at every command's program
 * 2. set the limits, warm up each command
 * 3. rounds: each command that its plan has not finished runs once, in random order
 * 4. one more run of each for its memory, where runs are not billed for it and that makes sense
 */
export class TaskRun {
  readonly #means: Means
  readonly #launcher: Launcher
  readonly #control: Control
  readonly #task: RunnerTask
  readonly #copy: WorkingCopy
  readonly #stage: Stage
  readonly #outputs: Outputs
  readonly #tree: TreeWatch
  #unsent: Sample[] = []
  #firstNs: bigint | undefined
  #startTold = false

  constructor (means: Means, control: Control, task: RunnerTask, copy: WorkingCopy) {
    const { launcher, meter, stage, stagehand } = means

    this.#means = means
    this.#launcher = launcher
    this.#control = control
    this.#task = task
    this.#copy = copy
    this.#stage = stage
    this.#tree = new TreeWatch(task.limits, meter, launcher.libc.getpagesize(), availableParallelism())
    this.#outputs = task.kind === 'exec'
      ? new LiveOutputs(launcher, control, task.limits.outputBytes)
      : new FileOutputs(launcher, stagehand, Math.min(task.limits.outputBytes, MAX_OUTPUT_BYTES))
  }

  perform (): void {
    const refusal = this.#prepare()

    if (refusal != null) {
      this.#control.send({ type: 'result', outcome: 'not-run', reason: refusal.message, commands: this.#task.commands.map((_, index) => notRunSummary(index, refusal)) })
      return
    }

    const commands = this.#find()
    const measured = commands.filter((command): command is Measured => 'runnable' in command)

    for (const command of measured) {
      this.#warmUp(command)
    }

    this.#measure(measured)

    for (const command of measured) {
      this.#measureMemory(command)
    }

    this.#sendSamples()
    this.#control.send({ type: 'result', ...verdict(commands), commands: commands.map(command => 'runnable' in command ? this.#summary(command) : command) })
  }

  /** Takes the payload and sets the limits. */
  #prepare (): NotRun | undefined {
    const task = this.#task
    const single = task.kind === 'exec'

    this.#copy.expect(task.files, single)

    const problem = taskProblem(task, this.#copy)
    let failure: unknown = problem

    try {
      this.#stage.set(this.#copy, task)

      if (single && failure == null) {
        this.#stage.renew()
      }
    } catch (err) {
      failure = err
    }

    try {
      this.#launcher.identity.asProgram(() => { this.#copy.receive(this.#control, failure) })
    } catch (err) {
      return problem ?? sandboxProblem(`the payload does not fit into the box: ${message(err)}`)
    } finally {
      this.#control.send({ type: 'received' })
    }

    try {
      this.#launcher.setLimits(task.limits, task.runner ?? ownUse(), this.#copy.largestFile, this.#means.meter.bounds)
      this.#stage.renew(this.#control.alive)
    } catch (err) {
      return sandboxProblem(`the box could not be prepared: ${message(err)}`)
    }
  }

  #find (): (Measured | CommandSummary)[] {
    const env = { ...baseEnvironment(), ...this.#task.env }

    return this.#task.commands.map((command, index) => {
      const found = findProgram(command, env, this.#control.alive)

      if (!found.ok) {
        return notRunSummary(index, found.notRun)
      }

      const { runnable } = found

      try {
        return {
          index, runnable, image: makeImage(this.#launcher.libc, runnable.path, runnable.argv, runnable.env), warmups: 0, samples: [], wallNs: [], spentMs: 0, same: true
        }
      } catch (err) {
        return notRunSummary(index, { code: 'not-executable', message: message(err) })
      }
    })
  }

  #warmUp (command: Measured): void {
    const { plan } = this.#task
    const warmups = plan.kind === 'once' ? 0 : plan.warmup

    while (command.warmups < warmups && !isOver(command)) {
      this.#run(command, `warm-up run ${command.warmups + 1}`)
      command.warmups++
    }
  }

  #measure (commands: Measured[]): void {
    const { plan } = this.#task

    for (;;) {
      const due = commands.filter(command => {
        if (isOver(command)) {
          return false
        }

        const { run, reached } = nextRun(plan, command)

        if (!run && reached != null) {
          command.reached = reached
        }

        return run
      })

      if (due.length === 0) {
        return
      }

      for (const command of shuffled(due)) {
        const sample = this.#run(command, `run ${command.samples.length + 1}`)

        if (sample != null) {
          command.samples.push(sample)
          command.wallNs.push(sample.wallNs)
          this.#unsent.push(sample)
        }

        this.#tell(command)
      }
    }
  }

  /** One run in a fresh place, its preparation included in the time spent. */
  #run (command: Measured, which: string): Sample | undefined {
    const { limits } = this.#task
    const beganNs = nowNs()
    const first = this.#firstNs == null

    this.#control.alive()
    this.#stage.renew(this.#control.alive)
    this.#openStdin()
    this.#outputs.open()
    this.#control.alive()

    if (first && this.#task.startNs != null) {
      waitUntil(BigInt(this.#task.startNs))
    }

    let ran: Ran
    const tree = this.#tree

    tree.begin()

    try {
      const { pollfds, onReady } = this.#outputs

      ran = runOnce(this.#means, command.image, limits.wallMs, {
        get intervalMs () { return tree.intervalMs },
        ...(pollfds == null ? {} : { pollfds }),
        ...(onReady == null ? {} : { onReady: () => this.#outputs.onReady?.() }),
        onStart: startNs => { this.#tellStart(startNs) },
        onInterval: startNs => {
          this.#tellStart(startNs)
          return this.#outputs.exceeded() ? 'output' : this.#stage.exceeded(limits) ?? tree.look()
        },
        onFailure: () => { tree.lookBack() }
      })
    } catch (err) {
      if (err instanceof SpawnError) {
        this.#outputs.finish()
        command.notRun = spawnProblem(err, command.runnable.path)
        return undefined
      }

      throw err
    } finally {
      this.#stage.used()
    }

    this.#control.alive()

    const printed = this.#outputs.finish()
    const limit = ran.limit ?? limitBehind(ran, limits, printed, tree.reached) ?? this.#stage.exceeded(limits)

    if (limit != null) {
      ran.limit = limit
    }

    this.#tellStart(ran.startNs)
    command.spentMs += Number(nowNs() - beganNs) / 1e6

    const sample = sampleOf(command.index, command.samples.length, ran, this.#firstNs ?? ran.startNs)

    this.#keepOutput(command, printed, succeeded(sample), which.startsWith('warm-up'))

    if (!succeeded(sample)) {
      command.ended = limit == null
        ? { outcome: 'failed', reason: `${describeExit(ran.exit)} in ${which}` }
        : { outcome: 'limit', reason: `${describeLimit(limit, limits)} in ${which}` }
    }

    return sample
  }

  /** The first measured run's output is kept; a failed run's is told, whichever it is. */
  #keepOutput (command: Measured, printed: Printed, good: boolean, warmup: boolean): void {
    if (warmup ? !good : command.first == null || !good) {
      for (const stream of ['stdout', 'stderr'] as const) {
        if (printed.kept[stream].length > 0) {
          this.#control.sendOutput(stream, printed.kept[stream])
        }
      }
    }

    if (!warmup) {
      command.first ??= printed
      command.same &&= command.first.stdoutDigest === printed.stdoutDigest
    }
  }

  #openStdin (): void {
    const { stdin } = this.#task
    const fd = openSync(stdin == null ? '/dev/null' : join(BOX.work, stdin), 'r')

    this.#launcher.setStdio(0, fd)
    closeSync(fd)
  }

  #measureMemory (command: Measured): void {
    if (this.#means.meter.memoryMethod != null) {
      return
    }

    const slowest = command.wallNs.reduce((most, wallNs) => Math.max(most, wallNs), 0)

    if (this.#task.kind === 'exec' || isOver(command) || slowest === 0 || slowest > MEMORY_RUN_MS * 1e6) {
      return
    }

    this.#stage.renew(this.#control.alive)
    this.#openStdin()
    this.#outputs.open()
    this.#control.alive()
    command.memoryBytes = adoptedMaxRss(this.#launcher, command.runnable, Math.min(this.#task.limits.wallMs, 2 * MEMORY_RUN_MS))
    this.#outputs.finish()
    this.#stage.used()
  }

  /** Once: from the first interval of a long first run, or right after a short one. */
  #tellStart (startNs: bigint): void {
    this.#firstNs ??= startNs

    if (!this.#startTold) {
      this.#startTold = true

      const { startNs: wanted } = this.#task

      this.#control.send({ type: 'started', atNs: String(startNs), ...(wanted == null ? {} : { skewNs: Number(startNs - BigInt(wanted)) }) })
    }
  }

  #tell (command: Measured): void {
    if (this.#unsent.length >= SAMPLES_PER_MESSAGE || this.#control.quietForLong()) {
      this.#sendSamples()
      this.#tellProgress(command)
    }
  }

  #tellProgress (command: Measured): void {
    const { plan } = this.#task

    this.#control.send({ type: 'progress', command: command.index, runs: command.samples.length, ...(plan.kind === 'fixed' ? { of: plan.runs } : {}) })
  }

  #sendSamples (): void {
    for (; this.#unsent.length > 0; this.#unsent = this.#unsent.slice(SAMPLES_PER_MESSAGE)) {
      this.#control.send({ type: 'samples', samples: this.#unsent.slice(0, SAMPLES_PER_MESSAGE) })
    }
  }

  #summary (command: Measured): CommandSummary {
    const { index, warmups, samples, first, same, notRun, reached, runnable } = command
    const { cpuMethod, memoryMethod = 'adopted-maxrss' } = this.#means.meter
    const peaks = samples.flatMap(sample => sample.memoryBytes ?? [])
    const memoryBytes = peaks.length > 0 ? Math.round(median(peaks)) : command.memoryBytes

    return {
      command: index,
      warmups,
      memoryMethod: memoryBytes == null ? 'none' : memoryMethod,
      cpuMethod,
      program: runnable.program,
      ...(memoryBytes == null ? {} : { memoryBytes }),
      ...(notRun == null ? {} : { notRun }),
      ...(reached == null ? {} : { reached }),
      ...(first == null
        ? {}
        : {
            output: {
              stdoutDigest: first.stdoutDigest,
              stdoutBytes: first.stdoutBytes,
              stderrBytes: first.stderrBytes,
              same,
              truncated: first.exceeded || (this.#task.kind === 'run' && (first.stdoutBytes > first.kept.stdout.length || first.stderrBytes > first.kept.stderr.length))
            }
          })
    }
  }
}

function isOver (command: Measured): boolean {
  return command.ended != null || command.notRun != null
}

function notRunSummary (index: number, notRun: NotRun): CommandSummary {
  return { command: index, warmups: 0, memoryMethod: 'none', cpuMethod: 'rusage', notRun }
}

function message (err: unknown): string {
  return err instanceof Error ? err.message : String(err)
}

/** Fisher-Yates. Order is randomised so that what drifts on the machine meets every command alike. */
function shuffled<T> (items: readonly T[]): T[] {
  const all = [...items]

  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))

    ;[all[i], all[j]] = [all[j] as T, all[i] as T]
  }

  return all
}
