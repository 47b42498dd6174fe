import { Mark } from '../parts/mark.tsx'
import { Empty } from '../parts/notice.tsx'
import { Table } from '../parts/table.tsx'
import { taskTone, taskWords } from '../text/states.ts'
import type { JobState } from '../state/job.ts'

/** A job with items: how many are where, and the ones that went wrong. */
export function JobItems ({ job }: { job: JobState }) {
  const total = job.counts.reduce((sum, { count }) => sum + count, 0)

  return (
    <section aria-labelledby='items-title'>
      <h2 id='items-title'>Items</h2>
      <p class='counts'><span>{total} in all</span>{job.counts.map(({ state, count }) => <span key={state}><Mark tone={taskTone(state)}>{`${count} ${taskWords(state)}`}</Mark></span>)}</p>
      {job.failedItems.length === 0
        ? <Empty title={job.isOver ? 'Every item ended well' : 'No item has failed so far'} />
        : (
          <Table
            label='Items that failed' name='items' rows={job.failedItems} keyOf={({ task }) => task} columns={[
              { title: 'Item', align: 'right', cell: ({ task }) => task },
              { title: 'Worker', cell: ({ workerName }) => workerName },
              { title: 'State', cell: ({ state }) => <Mark tone={taskTone(state)}>{taskWords(state)}</Mark> },
              { title: 'Why', cell: ({ reason }) => <span title={reason}>{reason}</span> }
            ]}
          />
          )}
    </section>
  )
}
