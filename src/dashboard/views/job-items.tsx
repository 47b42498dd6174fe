import { useState } from 'preact/hooks'
import { announce } from '../parts/announce.tsx'
import { Mark } from '../parts/mark.tsx'
import { Empty } from '../parts/notice.tsx'
import { Table } from '../parts/table.tsx'
import { MAX_FAILED_ITEMS, type JobState } from '../state/job.ts'
import { taskTone, taskWords } from '../text/states.ts'

/** A job with items: how many are where, and the ones that went wrong. */
export function JobItems ({ job }: { job: JobState }) {
  const [chosen, setChosen] = useState<string>()
  const item = job.failedItems.find(({ task }) => task === chosen)
  const choose = (task: string): void => {
    const item = job.failedItems.find(item => item.task === task)

    setChosen(task === chosen ? undefined : task)

    if (task !== chosen && item != null) {
      announce(`Item ${task}: ${item.reason ?? taskWords(item.state)}`)
    }
  }
  const total = job.counts.reduce((sum, { count }) => sum + count, 0)

  return (
    <section aria-labelledby='items-title'>
      <h2 id='items-title'>Items</h2>
      <p class='counts'><span>{total} in all</span>{job.counts.map(({ state, count }) => <span key={state}><Mark tone={taskTone(state)}>{`${count} ${taskWords(state)}`}</Mark></span>)}</p>
      {job.failedItems.length === 0
        ? <Empty title={job.isOver ? 'Every item ended well' : 'No item has failed so far'} />
        : (
          <>
            {job.failedItems.length < MAX_FAILED_ITEMS ? null : <p class='dim'>The latest {MAX_FAILED_ITEMS} that failed; the results have all.</p>}
            <Table
              label='Items that failed' name='items' rows={job.failedItems} keyOf={({ task }) => task} isChosen={({ task }) => task === chosen} columns={[
                { title: 'Item', align: 'right', cell: ({ task }) => <button type='button' class='link' tabIndex={-1} aria-pressed={task === chosen} onClick={() => { choose(task) }}>{task}</button> },
                { title: 'Worker', cell: ({ workerName }) => workerName },
                { title: 'State', cell: ({ state }) => <Mark tone={taskTone(state)}>{taskWords(state)}</Mark> },
                { title: 'Why', cell: ({ reason }) => <span title={reason}>{reason}</span> }
              ]}
            />
            {item == null ? null : <div class='notice item'><p class='notice-title'>Item {item.task} on {item.workerName}: {taskWords(item.state)}</p><p>{item.reason}</p></div>}
          </>
          )}
    </section>
  )
}
