import stringWidth from 'fast-string-width'
import { describe, expect, it } from 'vitest'
import { MapOutput } from '../../../src/cli/job/map-output.ts'
import { changeLine, mapLines } from '../../../src/cli/progress/map-progress.ts'
import { MapState, standingOf } from '../../../src/cli/progress/map-state.ts'
import { mapTask } from '../../../src/model/map.ts'
import { JOB_ID, jobView, taskView } from '../fixtures.ts'
import { temporaryFolder } from '../helpers.ts'
import type { JobView, NodeRow, TaskView } from '../../../src/node/protocol/submit/messages.ts'

const NAMES = ['lab-1', 'lab-2']

/** A map of two commands for each of these workers. */
function view (names: readonly string[] = NAMES, titles: readonly string[] = ['prepare', 'solve']): JobView {
  const { job, ...rest } = jobView(names.flatMap((name, list) => titles.map((_, entry) => taskView(name, { task: taskOf(list, entry) }))))

  return {
    ...rest,
    job: {
      ...job,
      kind: 'exec',
      commands: titles.map(title => ({ argv: ['true'], program: { kind: 'name', name: 'true' }, name: title })),
      map: { lists: names.map(worker => ({ worker, where: [], entries: titles.map((_, command) => ({ command })) })) }
    }
  }
}

/** As long as one is, in the letters of base58. */
function peerId (list: number): string {
  return `${'A'.repeat(44)}${String(list).padStart(3, '0').replaceAll('0', 'o')}`
}

function taskOf (list: number, entry: number): string {
  return mapTask(peerId(list), list, entry)
}

function begun (names?: readonly string[], titles?: readonly string[]): MapState {
  const state = new MapState()

  state.take({ kind: 'job', view: view(names, titles) }, 0)

  return state
}

function change (state: MapState, list: number, entry: number, values: Partial<TaskView>, nowMs = 0): Array<string | undefined> {
  return state.take({ kind: 'task', view: taskView(NAMES[list] ?? '', { task: taskOf(list, entry), ...values }) }, nowMs).map(changeLine)
}

function output (state: MapState, text: string): void {
  state.take({ kind: 'output', task: taskOf(0, 0), execution: 'e', stream: 'stdout', offset: 0, data: Buffer.from(text) }, 1_000)
}

function lines (state: MapState, { width = 100, height = 23 } = {}): string[] {
  return mapLines(state, 4_000, 65_000, width, height)
}

describe('a map on its way', () => {
  it('has a line for each worker: what it does, with which command, how often again, when it was heard of, what it said last', () => {
    const state = begun()

    change(state, 0, 0, { state: 'running' }, 1_000)
    output(state, 'first\nsecond \x1b[31mred\x1b[0m\n\n')
    change(state, 1, 0, { state: 'done' }, 2_000)
    change(state, 1, 1, { state: 'queued', attempt: 2, reason: 'failed (exit 3)' }, 3_000)

    expect(lines(state)).toEqual([
      'worker  state               command                        restarts    heard  last line',
      expect.stringMatching(/^lab-1 {3}running {13}1 of 2 prepare {27}3 s ago {2}second red$/),
      'lab-2   failed, restarting  2 of 2 solve: failed (exit 3)         2  1 s ago',
      '1 of 4 done · 1 min 5 s'
    ])
    expect(lines(state).join('')).not.toContain('\x1b')
  })

  it('says of each worker in one word or two what it does', () => {
    const state = begun()
    const word = (): string => standingOf(state.workers.get(peerId(0))!).word

    expect(word()).toBe('waiting')
    change(state, 0, 0, { state: 'sending' })
    expect(word()).toBe('sending')
    change(state, 0, 0, { state: 'running' })
    expect(word()).toBe('running')
    state.takeNodes([node({ state: 'finished, delivering' })], 9_000)
    expect(word()).toBe('finished, delivering')
    state.takeNodes([node({ state: 'lost' })], 9_000)
    expect(word()).toBe('lost')
    state.takeNodes([node({ state: 'running' })], 9_000)
    change(state, 0, 0, { state: 'cancelling' })
    expect(word()).toBe('cancelling')
    change(state, 0, 0, { state: 'done' })
    expect(word()).toBe('waiting')
    change(state, 0, 1, { state: 'failed' })
    expect(word()).toBe('failed')
    change(state, 0, 1, { state: 'cancelled' })
    expect(word()).toBe('cancelled')
    change(state, 0, 1, { state: 'done' })
    expect(word()).toBe('finished')
  })

  it('tells a log of each change once, and of nothing that only prepares', () => {
    const state = begun()

    expect(change(state, 0, 0, { state: 'sending' })).toEqual([undefined])
    expect(change(state, 0, 0, { state: 'running' })).toEqual(['lab-1  1 of 2 prepare  running'])
    expect(change(state, 0, 0, { state: 'running' })).toEqual([])
    expect(change(state, 0, 0, { state: 'queued', attempt: 1, reason: 'failed (exit 3)' })).toEqual(['lab-1  1 of 2 prepare  failed, restarting (1): failed (exit 3)'])
    expect(change(state, 0, 0, { state: 'sending', attempt: 1 })).toEqual([undefined])
    expect(change(state, 0, 0, { state: 'running', attempt: 1 })).toEqual(['lab-1  1 of 2 prepare  running'])
    expect(change(state, 0, 0, { state: 'limit', attempt: 1, reason: 'wall time' })).toEqual(['lab-1  1 of 2 prepare  limit: wall time'])
    expect(state.take({ kind: 'task', view: taskView('x', { task: 'no such task', state: 'running' }) }, 0)).toEqual([])
  })

  it('takes no more columns and rows than the terminal has', () => {
    const names = Array.from({ length: 50 }, (_, at) => `worker-with-a-long-name-${at}`)
    const state = begun(names, ['a title that is longer than most of them are, with 日本語 in it', 'b'])

    output(state, `${'long line '.repeat(100)}\n`)

    for (const width of [12, 30, 60, 100, 300]) {
      for (const height of [1, 2, 3, 8, 24, 100]) {
        const drawn = lines(state, { width, height })

        expect(drawn.length).toBeLessThanOrEqual(Math.max(1, height))
        expect(drawn.at(-1)).toMatch(/^0 of 100 done · /)
      }
    }

    for (const line of lines(state, { width: 100 }).slice(0, -1)) {
      expect(stringWidth(line)).toBeLessThanOrEqual(100)
    }
  })

  it('counts, beyond a screenful, those that have ended instead of listing them', () => {
    const state = begun(Array.from({ length: 30 }, (_, at) => `w${at}`), ['only'])

    for (let list = 0; list < 25; list++) {
      change(state, list, 0, { state: list < 2 ? 'failed' : 'done' })
    }

    expect(lines(state).slice(1, -1).map(line => line.split(' ')[0])).toEqual(['w25', 'w26', 'w27', 'w28', 'w29'])
    expect(lines(state).at(-1)).toBe('23 of 30 done · 2 failed or cancelled · 25 more workers · 1 min 5 s')
  })
})

describe('files of a map\'s output', () => {
  it('have a name of their own each, which every file system takes, whatever commands and workers are called', async () => {
    const names = ['lab', 'LAB', '../lab', '.', '日'.repeat(60), `${'日'.repeat(59)}本`]
    const titles = ['x', 'x', '../../x', 'x.2', '', 'é'.repeat(200), 'a\nb\0c', '-rf']
    const files = await MapOutput.open(await temporaryFolder(), begun(names, titles))
    const paths = names.flatMap((_, list) => titles.flatMap((_, entry) => [0, 1, 9].map(attempt => `${files.pathOf(taskOf(list, entry), attempt)}.stdout`)))

    expect(new Set(paths.map(path => path.toLowerCase())).size).toBe(paths.length)

    for (const path of paths) {
      expect(path).toMatch(/^[\p{L}\p{N}][^/\s\0]*\/\d[^/\s\0]*\.stdout$/u)
      path.split('/').forEach(part => { expect(Buffer.byteLength(part)).toBeLessThanOrEqual(143) })
    }

    expect(files.pathOf('no such task', 0)).toBeUndefined()
    await files.close()
  })
})

function node (values: Pick<NodeRow, 'state'>): NodeRow {
  return { role: 'worker', name: 'lab-1', peerId: peerId(0), lastHeardMs: 100, draining: false, ...values } as NodeRow
}

describe('a map that is followed again', () => {
  it('begins with the restarts and the ends that there were', () => {
    const state = new MapState()
    const { tasks, ...rest } = view()

    state.take({ kind: 'job', view: { ...rest, tasks: tasks.map((task, at) => ({ ...task, ...(at === 0 ? { state: 'done', attempt: 3 } as const : {}) })) } }, 0)

    expect(state.jobId).toBe(JOB_ID)
    expect(lines(state)[1]).toMatch(/^lab-1 {3}waiting {2}2 of 2 solve +3 *$/)
  })
})
