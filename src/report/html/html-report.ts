import { MeshmarkError } from '../../model/errors.ts'
import { renderReport, type ReportOptions } from './report.ts'
import { measuredOf } from '../plot/measured.ts'
import { pageAssets } from '../page-assets.ts'
import type { FinishedJob } from '../../model/finished.ts'
import type { Kind } from '../plot/kinds.ts'

/** Of a picture in the page, which stretches it a little. */
const WIDTH = 1_080

/** More bars than these are too fine to see, and too many to pass on. */
const MAX_BARS = 3_000

const TITLES: Partial<Record<Kind, string>> = { busy: 'Who was busy', throughput: 'Tasks over time', scaling: 'Against the parameter' }

/** A finished job as one page, with the pictures that say most about it. */
export async function htmlReport (finished: FinishedJob, options: Omit<ReportOptions, 'assets' | 'pictures'>): Promise<string> {
  return renderReport(finished, { ...options, assets: pageAssets(), pictures: await picturesOf(finished) })
}

async function picturesOf (finished: FinishedJob): Promise<Array<{ title: string, svg: string }>> {
  const kinds = kindsOf(finished)

  if (kinds.length === 0) {
    return []
  }

  // what draws is much, and most reports do without it
  const [{ chart }, { draw }, { measureText }] = await Promise.all([import('../plot/charts.ts'), import('../plot/render.ts'), import('../plot/fonts.ts')])
  const pictures = []

  for (const kind of kinds) {
    try {
      pictures.push({ title: TITLES[kind] ?? kind, svg: (await draw(chart(kind, { jobs: [finished], sets: [] }, { theme: 'light', width: WIDTH, measure: measureText }, ' '))).svg })
    } catch (err) {
      // there is nothing to draw, such as of a job that never began
      if (!(err instanceof MeshmarkError)) {
        throw err
      }
    }
  }

  return pictures
}

function kindsOf (finished: FinishedJob): Kind[] {
  const { each, map, comparison } = finished.job

  if (each != null || map != null) {
    return finished.workers.length > MAX_BARS ? ['throughput'] : ['busy', 'throughput']
  }

  const parameters = new Set(comparison == null ? measuredOf(finished).flatMap(({ parameters }) => Object.keys(parameters)) : [])

  return parameters.size > 0 ? ['scaling'] : []
}
