import { metricOf } from '../../model/comparison.ts'
import { orderOfRound } from '../../measure/order.ts'
import { nextRound, nextRun } from '../../measure/plan.ts'
import { Collector } from './collector.ts'
import { Counters, whyNoCounters } from './counters.ts'
import { ownUse } from './facts.ts'
import { makeImage } from './image.ts'
import { isOver, notRunSummary, summaryOf } from './measured.ts'
import { baseEnvironment } from './programs.ts'
import { PROGRESS_NS } from './control.ts'
import { sandboxProblem, taskProblem } from './refusals.ts'
import { Runs } from './runs.ts'
import { verdict } from './verdict.ts'
import type { NotRun } from '../../model/result.ts'
import type { Sample } from '../../model/sample.ts'
import type { CommandSummary, RunnerTask } from '../protocol.ts'
import type { Control } from './control.ts'
import type { Launcher } from './launch.ts'
import type { Measured } from './measured.ts'
import type { Programs } from './programs.ts'
import type { Means } from './run.ts'
import type { Stage } from './stage.ts'
import type { WorkingCopy } from './working-copy.ts'

/** A program that takes longer is not run once more for its memory. */
const MEMORY_RUN_MS = 2_000

const SAMPLES_PER_MESSAGE = 200

/**
 * One task from its payload to its result:
 *
 * 1. take the payload, look at every command's program
 * 2. set the limits, then up and warm each command
 * 3. rounds: each command that is due runs once, in random order and back
 * 4. one more run of each for its memory, where runs are not billed for it and that makes sense
 * 5. clean up
 */
export class TaskRun {
  readonly #means: Means
  readonly #launcher: Launcher
  readonly #control: Control
  readonly #task: RunnerTask
  readonly #copy: WorkingCopy
  readonly #programs: Programs
  readonly #stage: Stage
  readonly #runs: Runs
  /** Absent when no files are brought back. */
  readonly #collector: Collector | undefined
  #unsent: Sample[] = []
  /** When the last word on progress was sent. */
  #toldNs = 0n
  /** Why there are no hardware counters. */
  #noCounters: string | undefined

  constructor (means: Means, control: Control, task: RunnerTask, copy: WorkingCopy, programs: Programs) {
    this.#means = { ...means, ...this.#counters(means, task) }
    this.#launcher = means.launcher
    this.#control = control
    this.#task = task
    this.#copy = copy
    this.#programs = programs
    this.#stage = means.stage
    this.#runs = new Runs(this.#means, control, task)
    this.#collector = task.collect == null ? undefined : new Collector(control, task.collect)
  }

  /** False when the box could not be prepared for it. */
  perform (): boolean {
    const refusal = this.#prepare()

    if (refusal == null) {
      this.#carryOut()
    } else {
      this.#control.send({ type: 'result', outcome: 'not-run', reason: refusal.message, commands: this.#task.commands.map((_, index) => notRunSummary(index, refusal)) })
    }

    return refusal == null
  }

  /** The payload and the limits are those of the task before, and everything has been cleared away. */
  performAgain (): void {
    this.#carryOut()
  }

  #carryOut (): void {
    const commands = this.#find()
    const measured = commands.filter((command): command is Measured => 'runnable' in command)

    for (const command of measured) {
      this.#runs.setUp(command)
      this.#collectIfLast(command)
    }

    measured.forEach(command => { this.#warmUp(command) })
    this.#measure(measured)

    for (const command of measured.filter(command => !isOver(command))) {
      this.#measureMemory(command)
      this.#runs.cleanUp(command)
    }

    this.#sendSamples()
    this.#control.send({
      type: 'result',
      ...verdict(commands),
      commands: commands.map(command => 'runnable' in command ? summaryOf(command, this.#means.meter, this.#task.kind === 'run') : command),
      ...(this.#noCounters == null ? {} : { noCounters: this.#noCounters }),
      ...(this.#collector == null ? {} : { skipped: this.#collector.skipped })
    })
  }

  #counters ({ stagehand }: Means, { counters }: RunnerTask): { counters?: Counters } {
    if (counters !== true) {
      return {}
    }

    const opened = stagehand.counters()

    this.#noCounters = whyNoCounters(opened)

    return this.#noCounters == null ? { counters: new Counters(opened) } : {}
  }

  /** Takes the payload and sets the limits. */
  #prepare (): NotRun | undefined {
    const task = this.#task
    const single = task.kind === 'exec' && task.repeat !== true

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
      this.#launcher.identity.asProgram(() => { this.#copy.receive(this.#control, task.descriptor === true, failure) })
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
      const found = this.#programs.find(command, command.env == null ? env : { ...env, ...command.env }, this.#control.alive)

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
      this.#runs.run(command, `warm-up run ${command.warmups + 1}`)
      command.warmups++
      this.#collectIfLast(command)
    }
  }

  #measure (commands: Measured[]): void {
    let order: Measured[] | undefined

    for (let round = 0; ; round++) {
      const due = this.#task.comparison == null ? this.#due(commands) : this.#duePairs(commands)

      if (due.length === 0) {
        return
      }

      order = orderOfRound(due, round, order, Math.random)

      for (const command of order) {
        const sample = this.#runs.run(command, `run ${command.samples.length + 1}`)

        if (sample != null) {
          command.samples.push(sample)
          command.wallNs.push(sample.wallNs)
          this.#unsent.push(sample)
        }

        this.#collectIfLast(command)

        this.#tell(command)
      }
    }
  }

  /** What the last run of a command left, also when that failed; nobody runs any more. */
  #collectIfLast (command: Measured): void {
    // the plan is asked once more before the next round, and answers the same
    if (command.notRun == null && (command.ended != null || !nextRun(this.#task.plan, command).run)) {
      this.#launcher.identity.asProgram(() => { this.#collector?.collect(command.index) })
    }
  }

  /** Each goes on until its own plan is done. */
  #due (commands: Measured[]): Measured[] {
    return commands.filter(command => {
      if (isOver(command)) {
        return false
      }

      const { run, reached } = nextRun(this.#task.plan, command)

      if (!run && reached != null) {
        command.reached = reached
      }

      return run
    })
  }

  /** All of them or none: what is left without its counterpart says nothing. */
  #duePairs (commands: Measured[]): Measured[] {
    const { plan, comparison, commands: all } = this.#task

    if (commands.length < all.length || commands.some(isOver)) {
      return []
    }

    const { run, reached } = nextRound(plan, {
      values: commands.map(({ samples }) => samples.map(sample => metricOf(sample, comparison?.metric ?? 'wall') ?? NaN)),
      spentMs: commands.reduce((sum, { spentMs }) => sum + spentMs, 0)
    })

    if (!run && reached != null) {
      commands.slice(1).forEach(command => { command.reached = reached })
    }

    return run ? commands : []
  }

  #measureMemory (command: Measured): void {
    if (this.#means.meter.memoryMethod != null) {
      return
    }

    const slowest = command.wallNs.reduce((most, wallNs) => Math.max(most, wallNs), 0)

    if (this.#task.kind === 'exec' || slowest === 0 || slowest > MEMORY_RUN_MS * 1e6) {
      return
    }

    command.memoryBytes = this.#runs.memoryOf(command, 2 * MEMORY_RUN_MS)
  }

  #tell (command: Measured): void {
    // by a clock of its own: behind a long run there has just been word that we live
    if (this.#unsent.length >= SAMPLES_PER_MESSAGE || process.hrtime.bigint() - this.#toldNs > PROGRESS_NS) {
      this.#sendSamples()
      this.#tellProgress(command)
    }
  }

  #tellProgress (command: Measured): void {
    const { plan } = this.#task

    this.#toldNs = process.hrtime.bigint()
    this.#control.send({ type: 'progress', command: command.index, runs: command.samples.length, ...(plan.kind === 'fixed' ? { of: plan.runs } : {}) })
  }

  #sendSamples (): void {
    for (; this.#unsent.length > 0; this.#unsent = this.#unsent.slice(SAMPLES_PER_MESSAGE)) {
      this.#control.post({ type: 'samples', samples: this.#unsent.slice(0, SAMPLES_PER_MESSAGE) })
    }
  }
}

function message (err: unknown): string {
  return err instanceof Error ? err.message : String(err)
}
