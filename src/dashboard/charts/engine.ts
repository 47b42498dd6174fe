import { parse, View } from 'vega'
import { expressionInterpreter } from 'vega-interpreter'
import type { Spec } from '../../report/plot/look.ts'

export { busyChart } from '../../report/plot/busy.ts'
export { comparisonPictureChart } from '../../report/plot/comparison.ts'
export { distributionChart } from '../../report/plot/distribution.ts'
export { historyChart } from '../../report/plot/history.ts'
export { byWorker, measuredOf } from '../../report/plot/measured.ts'
export { QUANTITIES } from '../../report/plot/quantity.ts'
export { rateText, throughputChart } from '../../report/plot/throughput.ts'
export { activitiesOf } from '../../report/activity.ts'
export { changePoints } from '../../stats/change-points.ts'

/*
 * The drawing library and the charts, which most views do without: a part of
 * the page that is loaded when the first chart is. Import it by
 * `loadEngine` only.
 */

/** A chart that stands in the page. */
export interface Drawn {
  /** The chart as a file: of its own, with its title. */
  svg: () => Promise<string>
  png: () => Promise<Blob>
  end: () => void
}

/** What a point of a chart is of: the data of its mark. */
export type Datum = Readonly<Record<string, unknown>>

/** Pixels of a saved picture for each of the chart's. */
const PNG_SCALE = 2

/**
 * Draws into an element, which is emptied. The policy of the page lets no text
 * become code, so expressions are interpreted; and it lets no text become
 * HTML, so the chart is drawn on a canvas.
 *
 * @param onPoint - what the pointer is on, and where; undefined when it has left
 */
export async function drawInto (element: HTMLElement, spec: Spec, onPoint: (datum: Datum | undefined, x: number, y: number) => void): Promise<Drawn> {
  const view = new View(parse(spec as never, undefined, { ast: true } as never), {
    expr: expressionInterpreter,
    renderer: 'canvas',
    container: element,
    hover: false,
    tooltip: () => {},
    logLevel: 1
  } as never)

  view.addEventListener('pointermove', (event, item) => {
    const { left, top } = element.getBoundingClientRect()
    const { clientX, clientY } = event as unknown as PointerEvent
    const datum = (item as { datum?: Datum } | null | undefined)?.datum

    onPoint(datum, clientX - left, clientY - top)
  })
  view.addEventListener('pointerout', () => { onPoint(undefined, 0, 0) })
  await view.runAsync()

  return {
    svg: async () => view.toSVG(),
    png: async () => {
      const canvas = await view.toCanvas(PNG_SCALE) as unknown as HTMLCanvasElement

      return new Promise((resolve, reject) => {
        canvas.toBlob(blob => {
          if (blob == null) {
            reject(new Error('this browser cannot write the picture: it may be too large'))
          } else {
            resolve(blob)
          }
        })
      })
    },
    end: () => { view.finalize() }
  }
}
