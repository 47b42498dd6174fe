import { plainTime } from '../../report/quantities.ts'
import { Mark } from '../parts/mark.tsx'
import { Empty } from '../parts/notice.tsx'
import { Table, type Column } from '../parts/table.tsx'
import { taskTone, taskWords } from '../text/states.ts'
import type { JobState, TaskState } from '../state/job.ts'

interface JobTasksProps {
  job: JobState
  commands: number
  chosen: string | undefined
  onChoose: (task: string) => void
  /** Of what a task runs, where tasks run different commands. */
  titleOf: (task: string) => string | undefined
}

/** What each worker does for it, and why some do not. */
export function JobTasks ({ job, commands, chosen, onChoose, titleOf }: JobTasksProps) {
  const rows = [...job.tasks.values()]
  // when it has ended, the results say it better
  const isMap = job.view?.job.map != null
  const isMeasuring = !isMap && rows.some(({ progress }) => progress != null) && !job.isOver

  return (
    <section aria-labelledby='tasks-title'>
      <h2 id='tasks-title'>Tasks</h2>
      {rows.length === 0
        ? <Empty title='No tasks yet' />
        : <Table label='Tasks' name={isMeasuring ? 'tasks-run' : isMap ? 'tasks-map' : 'tasks'} columns={columnsOf(commands, isMeasuring, onChoose, isMap ? titleOf : undefined)} rows={rows} keyOf={({ view }) => view.task} isChosen={({ view }) => view.task === chosen} />}
    </section>
  )
}

function columnsOf (commands: number, isMeasuring: boolean, onChoose: (task: string) => void, titleOf?: (task: string) => string | undefined): ReadonlyArray<Column<TaskState>> {
  return [
    { title: 'Worker', cell: ({ view }) => <button type='button' class='link' tabIndex={-1} onClick={() => { onChoose(view.task) }}>{view.workerName === '' ? 'none yet' : view.workerName}</button> },
    ...(titleOf == null ? [] : [{ title: 'Command', cell: ({ view }: TaskState) => <code title={titleOf(view.task)}>{titleOf(view.task)}</code> }]),
    { title: 'State', cell: ({ view }) => <Mark tone={taskTone(view.state)}>{taskWords(view.state)}</Mark> },
    ...(isMeasuring ? progressColumns(commands) : []),
    { title: 'Note', ...(isMeasuring ? { drop: 2 as const } : {}), cell: task => <span title={wordsOf(task)}>{wordsOf(task)}</span> }
  ]
}

function progressColumns (commands: number): Array<Column<TaskState>> {
  return [
    { title: 'Runs', align: 'right', cell: ({ progress }) => progress == null ? null : `${commands > 1 ? `${progress.command + 1}: ` : ''}${progress.runs}${progress.of == null ? '' : ` of ${progress.of}`}` },
    { title: 'Median so far', align: 'right', drop: 2, cell: ({ progress }) => progress?.medianNs == null ? null : plainTime(progress.medianNs) }
  ]
}

/** What there is to say of a task: why it waits or failed, and what was special. */
export function wordsOf ({ view, doing }: TaskState): string {
  return [
    view.reason ?? doing,
    view.simultaneous === false ? 'not simultaneous' : undefined,
    view.attempt > 0 ? `restarted ${view.attempt === 1 ? 'once' : `${view.attempt} times`}` : undefined
  ].filter(part => part != null).join('; ')
}
