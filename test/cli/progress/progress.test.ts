import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { showProgress } from '../../../src/cli/progress/progress.ts'
import { advance, progressLines, startProgress, summary } from '../../../src/cli/progress/progress-state.ts'
import type { SubmitReply } from '../../../src/node/protocol/submit/messages.ts'
import { jobView, taskView } from '../fixtures.ts'
import { testContext } from '../helpers.ts'

function after (...events: SubmitReply[]): ReturnType<typeof startProgress> {
  const state = startProgress('')

  events.forEach(event => { advance(state, event) })

  return state
}

describe('progress of a job', () => {
  it('has a line for each worker, and one for all', () => {
    const state = after(
      { kind: 'job', view: jobView([taskView('lab-01'), taskView('lab-02'), taskView('pi'), taskView('old')]) },
      { kind: 'task', view: taskView('lab-01', { state: 'running' }) },
      { kind: 'progress', task: 'lab-01', command: 0, runs: 57, of: 100, medianNs: 41_200_000 },
      { kind: 'task', view: taskView('lab-02', { state: 'running' }) },
      { kind: 'phase', task: 'lab-02', phase: 'waiting-for-machine', detail: 'lab-01 measures on the same machine' },
      { kind: 'task', view: taskView('pi', { state: 'sending' }) },
      { kind: 'transfer', task: 'pi', chunks: 12, of: 200 },
      { kind: 'task', view: taskView('old', { state: 'lost', reason: 'silent for 25 s' }) }
    )

    expect(progressLines(state, 3_400)).toEqual([
      'lab-01  running  57 of 100 runs · about 41 ms',
      'lab-02  waiting: lab-01 measures on the same machine',
      'pi      receiving  12 of 200 chunks',
      'old     lost: silent for 25 s',
      '1 running, 1 taking turns, 1 sending, 1 lost · 57 runs · 3 s'
    ])
  })

  it('says which of several commands runs', () => {
    const view = jobView([taskView('w', { state: 'running' })])

    view.job.commands.push({ argv: ['b'], program: { kind: 'name', name: 'b' } })

    expect(progressLines(after({ kind: 'job', view }, { kind: 'progress', task: 'w', command: 1, runs: 1 }), 0)[0])
      .toBe('w  running  command 2: 1 run')
  })

  it('forgets the wait when the machine is free', () => {
    const state = after(
      { kind: 'job', view: jobView([taskView('w', { state: 'running' })]) },
      { kind: 'phase', task: 'w', phase: 'waiting-for-machine' },
      { kind: 'phase', task: 'w', phase: 'running' }
    )

    expect(summary(state)).toBe('1 running')
  })

  it('counts, beyond a screenful, what has ended instead of listing it', () => {
    const tasks = Array.from({ length: 40 }, (_, index) => taskView(`w${index}`, { state: index < 35 ? 'done' : 'running' }))
    const lines = progressLines(after({ kind: 'job', view: jobView(tasks) }), 0)

    expect(lines).toHaveLength(6)
    expect(lines.at(-1)).toContain('5 running, 35 done')
  })

  it('lets no name or reason steer the terminal', () => {
    const lines = progressLines(after({ kind: 'job', view: jobView([taskView('\u001b[2Jx', { state: 'failed', reason: 'a\r\nb' })]) }), 0)

    expect(lines[0]).toBe('?[2Jx  failed: a??b')
  })
})

describe('progress on a terminal', () => {
  beforeEach(() => { vi.useFakeTimers() })
  afterEach(() => { vi.useRealTimers() })

  /** What a terminal shows after all that was written: only the sequences that are used. */
  function screen (written: string): string[] {
    let lines = ['']

    // eslint-disable-next-line no-control-regex
    for (const [, up, text] of written.matchAll(/\u001b\[(\d+)A\u001b\[J|([^\u001b]+)/g)) {
      if (up != null) {
        lines = [...lines.slice(0, lines.length - 1 - Number(up)), '']
      } else {
        const [first = '', ...rest] = (text ?? '').split('\n')

        lines = [...lines.slice(0, -1), (lines.at(-1) ?? '') + first, ...rest]
      }
    }

    return lines
  }

  it('moves in place, and is gone before anything else is written', () => {
    const context = testContext({ terminal: true })
    const progress = showProgress(context)

    progress.say('submitting to master')
    expect(screen(context.err())).toEqual(['submitting to master', ''])

    progress.take({ kind: 'job', view: jobView([taskView('w1'), taskView('w2', { state: 'running' })]) })
    vi.advanceTimersByTime(1_000)
    expect(screen(context.err())).toEqual(['w1  queued', 'w2  running', '1 running, 1 queued · 1 s', ''])

    progress.stop()
    expect(screen(context.err())).toEqual([''])

    vi.advanceTimersByTime(1_000)
    progress.say('late')
    expect(screen(context.err())).toEqual([''])
  })

  it('cuts what would wrap', () => {
    const context = testContext({ terminal: true })

    context.stderr.columns = 10
    showProgress(context).say('a line that is longer than the terminal is wide')
    expect(screen(context.err())).toEqual(['a line t…', ''])
  })

  it('counts a wide character as two', () => {
    const context = testContext({ terminal: true })

    context.stderr.columns = 10
    showProgress(context).say('測定測定測定測定')
    expect(screen(context.err())).toEqual(['測定測定…', ''])
  })

  it('writes a line into a log only when something changed', () => {
    const context = testContext()
    const progress = showProgress(context)

    progress.take({ kind: 'job', view: jobView([taskView('w1')]) })
    vi.advanceTimersByTime(6_000)
    progress.take({ kind: 'task', view: taskView('w1', { state: 'running' }) })
    vi.advanceTimersByTime(6_000)
    progress.stop()

    expect(context.err()).toBe('1 queued\n1 running\n')
  })

  it('is silent when asked to be', () => {
    const context = { ...testContext({ terminal: true }), quiet: true }
    const progress = showProgress(context)

    progress.say('x')
    vi.advanceTimersByTime(5_000)
    progress.stop()

    expect(context.err()).toBe('')
  })
})
