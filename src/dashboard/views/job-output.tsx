import { useLayoutEffect, useRef } from 'preact/hooks'
import { Action } from '../parts/action.tsx'
import { AnsiText } from '../parts/ansi-text.tsx'
import { useApp, usePaced } from '../parts/hooks.ts'
import { save } from '../parts/save.ts'
import { formatBytes } from '../../model/units.ts'
import { numberInList } from '../state/map-number.ts'
import { wordsOf } from './job-tasks.tsx'
import type { JobState } from '../state/job.ts'
import type { Output } from '../state/output.ts'

/** Characters of a note that a wide screen's table shows. */
const ROOM = 80

interface JobOutputProps {
  job: JobState
  id: string
  task: string | undefined
  onChoose: (task: string) => void
  /** Of what a task runs, where tasks run different commands. */
  titleOf: (task: string) => string | undefined
}

/** What the program of one task prints: its end; the rest is on the master. */
export function JobOutput ({ job, id, task, onChoose, titleOf }: JobOutputProps) {
  const { link } = useApp()
  const output = task == null ? undefined : job.output.get(task)
  const state = task == null ? undefined : job.tasks.get(task)
  const view = state?.view

  if (state == null || view == null) {
    return null
  }

  // of a map one command, and not all that its worker did
  const number = job.view?.job.map == null ? undefined : numberInList(job.tasks.keys(), view.task)

  return (
    <section aria-labelledby='output-title'>
      <div class='section-head'>
        <h2 id='output-title'>Output</h2>
        {job.tasks.size < 2
          ? null
          : (
            <label>
              of{' '}
              <select aria-label='of which task' value={task} onChange={event => { onChoose(event.currentTarget.value) }}>
                {[...job.tasks.values()].map(({ view }) => <option key={view.task} value={view.task}>{[view.workerName === '' ? view.task : view.workerName, titleOf(view.task)].filter(part => part != null).join(': ')}</option>)}
              </select>
            </label>
            )}
        {output == null || !job.isOver
          ? null
          : (['stdout', 'stderr'] as const).map(stream => (
            <Action
              key={stream} kind='quiet' label={`Save ${stream}`} busyLabel='Fetching…'
              act={async () => {
                save(await link.blob(`/v1/jobs/${encodeURIComponent(id)}/output?${new URLSearchParams({ stream, worker: view.workerName, ...(number == null ? {} : { command: String(number) }) }).toString()}`), `${[id, view.workerName, ...(number == null ? [] : [number]), stream].join('-')}.txt`)
              }}
            />
            ))}
      </div>
      <Note words={wordsOf(state)} />
      {output == null ? <p class='dim'>{job.isOver ? 'It printed nothing.' : 'Nothing printed yet.'}</p> : <OutputText key={task} output={output} isLive={job.view?.state === 'queued' || job.view?.state === 'running'} />}
    </section>
  )
}

/** A table cuts what is long. */
function Note ({ words }: { words: string }) {
  return words === '' ? null : <p class={words.length < ROOM ? 'note-short' : undefined}>{words}</p>
}

/** A flood of text is read by nobody; between two drawings the page does what else it is asked for. */
const PAUSE_MS = 200

/** @param isLive - what is printed is followed, to the last of it; otherwise it is read from its beginning */
function OutputText ({ output: latest, isLive }: { output: Output, isLive: boolean }) {
  const output = usePaced(latest, PAUSE_MS)
  const box = useRef<HTMLPreElement>(null)
  const isAtEnd = useRef(isLive)

  // with what is new, or a scroll event in between would say that the reader is not at the end
  useLayoutEffect(() => {
    const element = box.current

    // whoever has scrolled back reads, and is not to be moved
    if (element != null && isAtEnd.current) {
      element.scrollTop = element.scrollHeight
    }
  }, [output])

  return (
    <>
      {output.dropped === 0 ? null : <p class='dim'>Only the end: {formatBytes(output.dropped)} came before.</p>}
      <pre
        class='output' role='group' tabIndex={0} aria-label='Output of the program' ref={box}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => { isAtEnd.current = scrollHeight - scrollTop - clientHeight < 24 }}
      >
        {output.pieces.map(({ stream, text }, at) => <span key={output.gone + at} class={stream === 'stderr' ? 'stderr' : undefined}><AnsiText text={text} /></span>)}
      </pre>
    </>
  )
}
