import { useEffect, useMemo, useState } from 'preact/hooks'
import { counted } from '../../model/text.ts'
import { formatDuration } from '../../model/units.ts'
import { Chart, type ChartTable } from '../charts/chart.tsx'
import { Count } from '../parts/announce.tsx'
import { useApp, useNow } from '../parts/hooks.ts'
import { CommandLine, Empty, Failure, Loading } from '../parts/notice.tsx'
import { Title } from '../parts/title.tsx'
import { Activities, chosenChanges, type ChangeRecord } from '../state/activity.ts'
import { timeOfDay, zonedInstant } from '../text/times.ts'
import type { Look } from '../../report/plot/look.ts'
import type { Profile } from '../../report/profile-file.ts'
import type * as Engine from '../charts/engine.ts'

/** A picture of minutes is drawn often, one of hours less: at each step, which is a round time by the clock and ends little after now. */
const WINDOWS = [
  { words: 'the last 5 minutes', since: '5m', ms: 5 * 60_000, stepMs: 2_000 },
  { words: 'the last hour', since: '1h', ms: 3_600_000, stepMs: 30_000 },
  { words: 'the last 6 hours', since: '6h', ms: 6 * 3_600_000, stepMs: 60_000 },
  { words: 'the last day', since: '24h', ms: 24 * 3_600_000, stepMs: 60_000 }
] as const

/** Silent for so long, a master counts as dead: it says at least every 15 s that it is there. */
const QUIET_MS = 40_000

/** Rows of one picture. */
const MAX_WORKERS = 40

/** Who was busy when, and how many tasks ended: live. */
export function Activity () {
  const { link } = useApp()
  const [since, setSince] = useState<typeof WINDOWS[number]['since']>('5m')
  const [words, setWords] = useState('')
  const [activities, setActivities] = useState<Activities>()
  const [isThere, setThere] = useState(false)
  const [error, setError] = useState<string>()
  const [attempt, setAttempt] = useState(0)
  const now = useNow()

  useEffect(() => {
    const stop = new AbortController()
    const own = new Activities()

    setActivities(own)
    setThere(false)
    setError(undefined)
    link.follow(`/v1/profile/events?since=${since}`, {
      signal: stop.signal,
      quietMs: QUIET_MS,
      onBegin: () => { own.begin() },
      onMessage: ({ data }) => {
        const { nowMs, changes } = JSON.parse(data) as { nowMs: number, changes: ChangeRecord[] }

        own.add(nowMs, changes, Date.now())
        setThere(true)
      }
    }).catch(err => { setError(err.message) })

    return () => { stop.abort() }
  }, [link, since, attempt])

  const { ms, stepMs, words: windowWords } = WINDOWS.find(window => window.since === since) ?? WINDOWS[0]
  const aheadMs = activities?.aheadMs ?? 0
  const untilMs = Math.ceil((now + aheadMs) / stepMs) * stepMs
  const key = `${activities?.version ?? 0} ${untilMs} ${words} ${since} ${isThere}`
  const chosen = useMemo(() => chosenChanges(activities?.changes ?? [], words, MAX_WORKERS), [key])
  // by the clock of the reader
  const withClock = (look: Look): Look => ({ ...look, clock: at => zonedInstant(at - aheadMs), timeOfDay: (at, isToTheSecond) => timeOfDay(at - aheadMs, isToTheSecond) })
  const profile: Profile = { fromMs: untilMs - ms, untilMs, changes: chosen.changes }

  return (
    <>
      <Title>Activity</Title>
      <div class='tools' role='search' aria-label='Activity'>
        <label>
          Of{' '}
          <select value={since} onChange={event => { setSince(event.currentTarget.value as typeof since) }}>
            {WINDOWS.map(window => <option key={window.since} value={window.since}>{window.words}</option>)}
          </select>
        </label>
        <label>Find <input type='search' value={words} placeholder='worker' onInput={event => { setWords(event.currentTarget.value) }} /></label>
        <Count words={chosen.shown < chosen.workers ? `${chosen.shown} of ${counted(chosen.workers, 'worker')}, by name` : counted(chosen.workers, 'worker')} choice={words} />
      </div>
      {error != null
        ? <Failure title='The recording does not come' detail={error} onRetry={() => { setAttempt(attempt + 1) }} />
        : !isThere
            ? <Loading what='what the workers did' />
            : chosen.shown === 0
              ? words === '' ? <Empty title='No worker was there in this time'><p>What workers do is recorded by every master, and kept for a day.</p></Empty> : <Empty title='No worker fits'><button type='button' onClick={() => { setWords('') }}>Show all</button></Empty>
              : (
                <>
                  <section aria-labelledby='busy-title'>
                    <h2 id='busy-title'>Busy</h2>
                    <Chart
                      label={`Who was busy in ${windowWords}`} fileName='busy' data={key}
                      build={(engine, look) => engine.busyChart(profile, 'Who was busy', withClock(look))}
                      tip={({ what, ms }) => typeof ms === 'number' ? `${String(what)}, for ${formatDuration(ms)}` : undefined}
                      table={engine => busyTable(engine, profile, ms)}
                    />
                  </section>
                  <section aria-labelledby='throughput-title'>
                    <h2 id='throughput-title'>Throughput</h2>
                    <Chart
                      label={`Tasks that ended in ${windowWords}`} fileName='throughput' data={key}
                      build={(engine, look) => engine.throughputChart(profile, 'Tasks that ended', withClock(look))}
                      tip={({ what, count, ms }) => typeof count === 'number' ? `${count} ${String(what)} in ${formatDuration(Number(ms))}` : undefined}
                      table={engine => throughputTable(engine, profile)}
                    />
                  </section>
                </>
                )}
      <section aria-labelledby='terminal-title'>
        <h2 id='terminal-title'>From a terminal</h2>
        <CommandLine>{`meshmark profile --since ${since}`}</CommandLine>
      </section>
    </>
  )
}

function busyTable (engine: typeof Engine, profile: Profile, ms: number): ChartTable {
  return {
    columns: [{ title: 'Worker' }, { title: 'Busy', align: 'right' }, { title: 'Share', align: 'right' }, { title: 'Tasks', align: 'right' }, { title: 'Not ended well', align: 'right' }],
    rows: engine.activitiesOf(profile.changes, profile).map(({ name, busyMs, tasks }) => [name, formatDuration(busyMs), `${Math.round(busyMs / ms * 100)} %`, tasks.length, tasks.filter(({ outcome }) => outcome !== 'done').length])
  }
}

/** By worker, since a table of moments would be as long as the recording. */
function throughputTable (engine: typeof Engine, profile: Profile): ChartTable {
  const minutes = (profile.untilMs - profile.fromMs) / 60_000

  return {
    columns: [{ title: 'Worker' }, { title: 'Tasks ended', align: 'right' }, { title: 'Per minute', align: 'right' }],
    rows: engine.activitiesOf(profile.changes, profile).map(({ name, tasks }) => {
      const ended = tasks.filter(({ untilMs }) => untilMs <= profile.untilMs).length

      return [name, ended, engine.rateText(ended / minutes)]
    })
  }
}
