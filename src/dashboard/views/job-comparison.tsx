import { joinPlace } from '../state/place.ts'
import { hrefOf } from '../state/route.ts'
import { Comparison } from './comparison.tsx'
import type { FullJob } from '../../report/full.ts'

/** Of so many commands each is shown; more are chosen one by one. */
const MAX_SHOWN = 4

/** What a job of `compare` came to, and where a measured job goes on. */
export function JobComparison ({ job }: { job: FullJob }) {
  const { id, name, comparison, commands } = job
  const contenders = comparison == null ? [] : commands.map((_, at) => at).slice(1)

  return (
    <>
      {contenders.slice(0, MAX_SHOWN).map(contender => (
        <section key={contender} aria-label={`Comparison with ${commands[contender]!.title}`}>
          <h2>{contenders.length === 1 ? 'Comparison' : `Comparison: ${commands[contender]!.title}`}</h2>
          <Comparison base={joinPlace(id, 0)} other={joinPlace(id, contender)} />
        </section>
      ))}
      <p class='ways'>
        <a href={hrefOf({ view: 'compare', base: id, ...(commands.length > 1 ? { other: id } : {}) })}>{commands.length > 1 ? 'Compare its commands' : 'Compare with another job'}</a>
        {name == null ? null : <a href={hrefOf({ view: 'history', name })}>History of {name}</a>}
      </p>
    </>
  )
}
