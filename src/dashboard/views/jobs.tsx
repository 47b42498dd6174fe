import { useMemo } from 'preact/hooks'
import { shortJobId } from '../../model/ids.ts'
import { counted } from '../../model/text.ts'
import { formatDuration } from '../../model/units.ts'
import { useJobs } from '../parts/all-jobs.tsx'
import { Count } from '../parts/announce.tsx'
import { useApp, useKept, useNow, useStore } from '../parts/hooks.ts'
import { InstantCell } from '../parts/instant.tsx'
import { Mark } from '../parts/mark.tsx'
import { CommandLine, Empty, Loading } from '../parts/notice.tsx'
import { Table, type Column } from '../parts/table.tsx'
import { Title } from '../parts/title.tsx'
import { ALL_JOBS, jobLines, MAX_LISTED, olderPath, type JobChoice } from '../state/jobs.ts'
import { hrefOf } from '../state/route.ts'
import { jobTone, jobWords } from '../text/states.ts'
import type { JobRow } from '../../node/protocol/submit/messages.ts'

const STATES: ReadonlyArray<[JobChoice['state'], string]> = [['', 'any'], ['open', 'queued or running'], ['finished', 'finished'], ['failed', 'with failures'], ['cancelled', 'cancelled']]

export function Jobs () {
  const app = useApp()
  const mesh = useStore(app.mesh)
  const [choice, setChoice] = useKept('jobs', ALL_JOBS)
  const { jobs, listed, isAsking, failure } = useJobs(olderPath(choice, mesh.jobs.size))
  const rows = useMemo(() => jobLines(jobs.values(), choice), [jobs, choice])
  const columns = useMemo(() => columnsOf(mesh.aheadMs), [mesh.aheadMs])

  if (!mesh.hasJobs) {
    return <><Title>Jobs</Title><Loading what='the jobs' /></>
  }

  return (
    <>
      <Title>Jobs</Title>
      {mesh.jobs.size === 0
        ? <Empty title='No jobs yet'><p>A token sees the jobs that were submitted with it; one of an administrator or a reader sees all.</p><CommandLine>meshmark run --runs 20 ./program</CommandLine></Empty>
        : (
          <>
            <div class='tools' role='search' aria-label='Jobs'>
              <label>Find <input type='search' value={choice.words} placeholder='command, name, id' onInput={event => { setChoice({ ...choice, words: event.currentTarget.value }) }} /></label>
              <label>
                State{' '}
                <select value={choice.state} onChange={event => { setChoice({ ...choice, state: event.currentTarget.value as JobChoice['state'] }) }}>
                  {STATES.map(([state, words]) => <option key={state} value={state}>{words}</option>)}
                </select>
              </label>
              <Count words={countWords(rows.length, jobs.size, { isAsking, isCut: listed === MAX_LISTED, hasMoreOpen: mesh.hasMoreJobs })} choice={`${choice.words} ${choice.state} ${isAsking}`} />
              {mesh.hasMoreJobs && app.canShowMoreJobs ? <button type='button' onClick={() => { app.showMoreJobs() }}>Show more</button> : null}
            </div>
            {failure}
            {rows.length === 0
              ? isAsking ? <Loading what='older jobs' /> : <Empty title='No job fits'><button type='button' onClick={() => { setChoice(ALL_JOBS) }}>Show all {mesh.jobs.size}</button></Empty>
              : <Table label='Jobs' name='jobs' columns={columns} rows={rows} keyOf={({ id }) => id} />}
          </>
          )}
    </>
  )
}

/** `2 of 431 jobs` */
function countWords (shown: number, known: number, { isAsking, isCut, hasMoreOpen }: { isAsking: boolean, isCut: boolean, hasMoreOpen: boolean }): string {
  return [
    `${shown === known ? '' : `${shown} of ${isCut ? 'the latest ' : ''}`}${counted(known, 'job')}`,
    ...(isAsking ? ['older ones are being asked for'] : []),
    ...(hasMoreOpen ? ['and more that wait or run'] : [])
  ].join(', ')
}

function columnsOf (aheadMs: number): ReadonlyArray<Column<JobRow>> {
  return [
    { title: 'Job', cell: job => <a class='mono' tabIndex={-1} href={hrefOf({ view: 'job', id: job.id })}>{shortJobId(job.id)}</a> },
    { title: 'State', cell: job => <Mark tone={jobTone(job)}>{jobWords(job)}</Mark> },
    { title: 'What', cell: job => <span title={job.title}>{job.name == null ? null : <b>{job.name}{' '}</b>}{job.title}</span> },
    { title: 'Kind', drop: 1, cell: ({ kind }) => kind === 'run' ? 'measured' : 'handed out' },
    { title: 'Tasks', align: 'right', drop: 2, cell: ({ ended, tasks }) => `${ended} of ${tasks}` },
    { title: 'Accepted', align: 'right', drop: 2, cell: job => <InstantCell at={job.acceptedAt} aheadMs={aheadMs} /> },
    { title: 'Took', align: 'right', drop: 1, cell: ({ acceptedAt, finishedAt }) => finishedAt == null ? <TakesSoFar acceptedAt={acceptedAt} aheadMs={aheadMs} /> : formatDuration(finishedAt - acceptedAt) }
  ]
}

/** Whole seconds, which do not flicker. */
function TakesSoFar ({ acceptedAt, aheadMs }: { acceptedAt: number, aheadMs: number }) {
  const ms = useNow() + aheadMs - acceptedAt

  return <>{formatDuration(Math.max(0, Math.floor(ms / 1_000) * 1_000))}</>
}
