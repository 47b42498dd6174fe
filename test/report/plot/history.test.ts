import { expect, it, describe } from 'vitest'
import { measureText } from '../../../src/report/plot/fonts.ts'
import { historyChart, type HistoryTrack } from '../../../src/report/plot/history.ts'
import { QUANTITIES } from '../../../src/report/plot/quantity.ts'
import { draw } from '../../../src/report/plot/render.ts'
import { changePoints } from '../../../src/stats/change-points.ts'
import { textsOf } from './svg-texts.ts'

/** Jobs that became slower at the seventh; the third of each has no figures. */
function track (label: string, jobs: number, factor: number): HistoryTrack {
  const points = Array.from({ length: jobs }, (_, at) => {
    const median = (at < 6 ? 40e6 : 40e6 * factor) * (1 + (at * 7 % 5) / 1_000)

    return { job: `job ${at}`, at: Date.UTC(2026, 0, 1 + at), runs: 10, ...at === 2 ? { problem: 'failed' } : { median, interval: { low: median * 0.99, high: median * 1.02 } } }
  })

  return { label, points, changes: changePoints(points.flatMap(point => 'median' in point ? [point.median] : [])) }
}

const words = (at: number): string => new Date(at).toISOString().slice(5, 10)

describe('the picture of a history', () => {
  it.each([[420, 2], [1_000, 5]])('of %i pixels has its texts inside, a level on each side of a change and nothing for a job without figures', async (width, count) => {
    const tracks = Array.from({ length: count }, (_, at) => track(`compute-node-in-the-basement-${at}`, 14, at === 0 ? 1.2 : 1))

    expect(tracks.map(({ changes }) => changes.map(({ at }) => at))).toEqual([[5], ...Array.from({ length: count - 1 }, () => [])])

    const { svg, height } = await draw(historyChart(tracks, 'nightly: ./program', { theme: 'light', width, measure: measureText }, QUANTITIES.wall, words))
    const texts = textsOf(svg)

    expect(texts.filter(({ left, right, top, bottom }) => left < 0 || top < 0 || right > width || bottom > height)).toEqual([])
    expect(texts.map(({ text }) => text)).toContain('01-01')
    expect(svg).not.toMatch(/NaN|undefined|Infinity/)
    // a dash for the change of the first track
    expect(svg.match(/stroke-dasharray/g)).toHaveLength(1)
  })

  it('of a single job, and of none that has figures, is drawn too', async () => {
    for (const points of [[{ job: 'a', at: 0, runs: 3, median: 5e6 }], [{ job: 'a', at: 0, runs: 0, problem: 'lost' }]]) {
      const { svg } = await draw(historyChart([{ label: 'lab', points, changes: [] }], 'nightly', { theme: 'dark', width: 600, measure: measureText }, QUANTITIES.wall, words))

      expect(svg).not.toMatch(/NaN|undefined|Infinity/)
    }
  })
})
