import { existsSync } from 'node:fs'
import { makeImage } from './image.ts'
import { FileOutputs } from './outputs.ts'
import { baseEnvironment, Programs } from './programs.ts'
import { runOnce } from './run.ts'
import { TaskRun } from './task.ts'
import type { RunnerTask } from '../protocol.ts'
import type { Control } from './control.ts'
import type { Means } from './run.ts'
import type { WorkingCopy } from './working-copy.ts'

const NO_OP = '/usr/bin/true'

/** Enough for the compiler to settle and for the kernel to have seen every path once. */
const RUNS = 20

/** For a task that is waiting already and measures. */
const LEAST_RUNS = 3

/** As if somebody had handed out a program that does nothing. */
const REHEARSAL: RunnerTask = {
  kind: 'exec',
  commands: [{ argv: ['true'], program: { kind: 'worker', path: NO_OP } }],
  files: [],
  env: {},
  limits: { wallMs: 10_000, memoryBytes: 2 ** 30, processes: 64, outputBytes: 2 ** 16, fileBytes: 2 ** 20, tmpBytes: 2 ** 20, tmpInodes: 100, openFiles: 64 },
  plan: { kind: 'once' }
}

/**
 * Runs the code of a measured run on a program that does nothing, so that the
 * first real run finds it warm, and then once that of a task which is handed
 * out. To be called again when the task is known.
 */
export class WarmUp {
  readonly #means: Means
  #runs = 0

  constructor (means: Means) {
    this.#means = means
  }

  /** Until a task comes. */
  beforeTask (control: Control, copy: WorkingCopy): void {
    const isWanted = (): boolean => control.hasMore(this.#means.launcher.libc)

    this.#run(RUNS, isWanted)

    if (existsSync(NO_OP) && !isWanted()) {
      // its programs are its own: a box may wait for hours, and what is found is to be what is there then
      control.unheard(() => { new TaskRun(this.#means, control, REHEARSAL, copy, new Programs()).performAgain() })
    }
  }

  /** What is only handed out has no clock to be right for. */
  forTask ({ kind }: RunnerTask): void {
    this.#run(kind === 'run' ? LEAST_RUNS : 0, () => false)
  }

  #run (most: number, isWanted: () => boolean): void {
    const { launcher, stage, stagehand } = this.#means

    if (this.#runs >= most || isWanted() || !existsSync(NO_OP)) {
      return
    }

    const image = makeImage(launcher.libc, NO_OP, ['true'], baseEnvironment())
    const outputs = new FileOutputs(launcher, stagehand, 1)

    launcher.setNoStdin()

    for (; this.#runs < most && !isWanted(); this.#runs++) {
      stage.renew()
      outputs.open()
      runOnce(this.#means, image, 10_000, { intervalMs: 1_000, onInterval: () => undefined })
      outputs.finish()
      stage.used()
    }

    outputs.close()
  }
}
