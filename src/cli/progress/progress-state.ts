import { isTaskEnd, TASK_ENDS, type TaskState } from '../../model/states.ts'
import { counted, printable } from '../../model/text.ts'
import { formatDuration } from '../../model/units.ts'
import type { SubmitReply, TaskView } from '../../node/protocol/submit/messages.ts'

interface TaskProgress {
  name: string
  state: TaskState
  reason?: string
  /** Set while another worker of the machine measures: why it waits, as it says itself. */
  waiting?: string
  transfer?: { chunks: number, of: number, note?: string }
  /** Per command. */
  runs: Map<number, { runs: number, of?: number, medianNs?: number }>
}

/** What is known of a job on its way, from the events that came. */
export interface ProgressState {
  jobId: string
  commands: number
  tasks: Map<string, TaskProgress>
}

/** A screenful; more workers are counted, not listed. */
const MAX_LINES = 20

export function startProgress (jobId: string): ProgressState {
  return { jobId, commands: 1, tasks: new Map() }
}

/** Takes one event in. */
export function advance (state: ProgressState, event: SubmitReply): void {
  switch (event.kind) {
    case 'job':
    case 'end':
      state.jobId = event.view.job.id
      state.commands = event.view.job.commands.length

      for (const task of event.view.tasks) {
        takeView(state, task)
      }
      break
    case 'task':
      takeView(state, event.view)
      break
    case 'phase': {
      const task = taskOf(state, event.task)

      task.waiting = event.phase === 'waiting-for-machine' ? printable(event.detail ?? 'another worker measures on the same machine') : undefined
      break
    }
    case 'transfer':
      taskOf(state, event.task).transfer = { chunks: event.chunks, of: event.of, note: event.note == null ? undefined : printable(event.note) }
      break
    case 'progress':
      taskOf(state, event.task).runs.set(event.command, { runs: event.runs, of: event.of, medianNs: event.medianNs })
      break
  }
}

function takeView (state: ProgressState, view: TaskView): void {
  const task = taskOf(state, view.task)

  task.name = printable(view.workerName === '' ? view.task : view.workerName, 60)
  task.state = view.state
  task.reason = view.reason == null ? undefined : printable(view.reason)
}

function taskOf (state: ProgressState, name: string): TaskProgress {
  let task = state.tasks.get(name)

  if (task == null) {
    task = { name, state: 'queued', runs: new Map() }
    state.tasks.set(name, task)
  }

  return task
}

/** A line for each worker; beyond a screenful those that have ended are only counted. */
export function progressLines (state: ProgressState, elapsedMs: number): string[] {
  const tasks = [...state.tasks.values()]
  const listed = tasks.length <= MAX_LINES ? tasks : tasks.filter(({ state }) => !isTaskEnd(state)).slice(0, MAX_LINES)
  const width = Math.max(0, ...listed.map(({ name }) => name.length))
  const lines = listed.map(task => `${task.name.padEnd(width)}  ${describe(task, state.commands)}`)

  return [...lines, `${summary(state)} · ${formatElapsed(elapsedMs)}`]
}

function describe (task: TaskProgress, commands: number): string {
  if (isTaskEnd(task.state)) {
    return task.reason == null ? task.state : `${task.state}: ${task.reason}`
  }

  if (task.waiting != null) {
    return `waiting: ${task.waiting}`
  }

  if (task.state === 'sending' && task.transfer != null) {
    const { chunks, of, note } = task.transfer

    return `receiving  ${chunks} of ${of} chunks${note == null ? '' : ` (${note})`}`
  }

  if (task.state === 'running') {
    return ['running', countRuns(task, commands)].filter(part => part !== '').join('  ')
  }

  return task.reason == null ? task.state : `${task.state}: ${task.reason}`
}

function countRuns (task: TaskProgress, commands: number): string {
  const last = [...task.runs.entries()].at(-1)

  if (last == null) {
    return ''
  }

  const [command, { runs, of, medianNs }] = last
  const count = of == null ? counted(runs, 'run') : `${runs} of ${of} runs`
  const median = medianNs == null ? '' : ` · about ${formatTime(medianNs)}`

  return `${commands > 1 ? `command ${command + 1}: ` : ''}${count}${median}`
}

/** What goes on before what has ended; `taking turns` is ours, the rest are states. */
const ORDER = ['running', 'taking turns', 'starting', 'sending', 'reserving', 'queued', 'cancelling', ...TASK_ENDS]

/** One line for all: what a pipe or a log gets instead of the moving lines. */
export function summary (state: ProgressState): string {
  const counts = new Map<string, number>()

  for (const task of state.tasks.values()) {
    const word = isTaskEnd(task.state) || task.waiting == null ? task.state : 'taking turns'

    counts.set(word, (counts.get(word) ?? 0) + 1)
  }

  // Always in the same order, so that words keep their places.
  const parts = [...counts.entries()].sort(([a], [b]) => ORDER.indexOf(a) - ORDER.indexOf(b)).map(([word, count]) => `${count} ${word}`)
  const runs = [...state.tasks.values()].reduce((sum, task) => sum + [...task.runs.values()].reduce((sum, { runs }) => sum + runs, 0), 0)

  return [parts.length === 0 ? 'waiting for the coordinator' : parts.join(', '), ...(runs > 0 ? [counted(runs, 'run')] : [])].join(' · ')
}

/** Whole seconds: tenths would only flicker. */
function formatElapsed (ms: number): string {
  return ms < 60_000 ? `${Math.floor(ms / 1_000)} s` : formatDuration(ms)
}

/** Two digits are enough for a number that still moves. */
function formatTime (ns: number): string {
  const [value, unit] = ns < 1e6 ? [ns / 1e3, 'µs'] : ns < 1e9 ? [ns / 1e6, 'ms'] : [ns / 1e9, 's']

  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`
}
