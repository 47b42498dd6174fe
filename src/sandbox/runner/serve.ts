import { writeSync } from 'node:fs'
import { Alarm } from './alarm.ts'
import { clearAway } from './clear-away.ts'
import { enterGroup, Meter } from './bill.ts'
import { Control, WorkerGone } from './control.ts'
import { hasProc, ownTids, readFacts, showProgram } from './facts.ts'
import { Identity } from './identity.ts'
import { Launcher } from './launch.ts'
import { loadFilters } from './lockdown.ts'
import { Programs } from './programs.ts'
import { Stage } from './stage.ts'
import { TaskRun } from './task.ts'
import { WarmUp } from './warm-up.ts'
import { WorkingCopy } from './working-copy.ts'
import type { Libc } from '../native/libc.ts'
import type { Means } from './run.ts'
import type { Stagehand } from './stagehand.ts'
import type { ToRunner } from '../protocol.ts'

/**
 * Life of a box, on the thread that starts programs: take the filters, load
 * them, say that it is ready, warm up until there is a task, do it. Returns
 * the exit code.
 */
export function serve (libc: Libc, stagehand: Stagehand): number {
  const control = new Control()

  try {
    control.send({ type: 'boot', tids: ownTids() })

    const filters = expect(control, 'filters')

    if (filters.group != null) {
      enterGroup(libc, filters.group)
    }

    const copy = new WorkingCopy(libc)
    const identity = new Identity(libc)

    loadFilters(libc, filters.programs.map(program => Buffer.from(program, 'base64')))

    const means: Means = { launcher: new Launcher(libc, identity), alarm: new Alarm(libc), meter: new Meter(libc, filters.group), stagehand, stage: new Stage(stagehand, identity) }

    means.stage.renew()

    if (hasProc()) {
      control.send({ type: 'ready', facts: readFacts(means) })
    } else {
      showProgram(means.launcher, () => {
        control.send({ type: 'look' })
        control.read()
      })
      control.send({ type: 'ready' })
    }

    const warmUp = new WarmUp(means)

    warmUp.beforeTask(control, copy)

    const { task } = expect(control, 'task')
    const programs = new Programs()

    warmUp.forTask(task)

    if (!new TaskRun(means, control, task, copy, programs).perform() || task.repeat !== true) {
      // To take all of this down takes longer than a short program did, and its result is to go first: the worker ends the box when it has it.
      const { type } = control.read()

      throw new Error(`expected nothing, not ${type}`)
    }

    // Until the worker closes its end. It takes the result meanwhile.
    for (;;) {
      clearAway(means, control)
      control.send({ type: 'clean' })

      const { commands } = expect(control, 'again')

      new TaskRun(means, control, { ...task, commands }, copy, programs).performAgain()
    }
  } catch (err) {
    if (err instanceof WorkerGone) {
      return 0
    }

    // Its stack goes to the worker's log. Not by process.stderr, which is the other thread's, and that one is waiting.
    writeSync(2, `runner: ${err instanceof Error ? err.stack : String(err)}\n`)
    control.send({ type: 'broken', reason: err instanceof Error ? err.message : String(err) })
    return 1
  }
}

function expect<T extends ToRunner['type']> (control: Control, type: T): Extract<ToRunner, { type: T }> {
  const message = control.read()

  if (message.type !== type) {
    throw new Error(`expected ${type}, not ${message.type}`)
  }

  return message as Extract<ToRunner, { type: T }>
}
