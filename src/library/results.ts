import { exitCodeOf } from '../report/exit-code.ts'
import { type FullJob, fullResults, type FullResults, type FullWorker } from '../report/full.ts'
import { renderCsv } from '../report/csv.ts'
import { renderJson } from '../report/json.ts'
import { renderMarkdown } from '../report/markdown.ts'
import { renderNdjson } from '../report/ndjson.ts'
import { renderFull } from '../report/full.ts'
import { renderTable } from '../report/table.ts'
import { toJson } from '../report/to-json.ts'
import type { FinishedJob } from '../model/finished.ts'
import { VERSION } from '../node/version.ts'
import type { Samples } from '../report/html/samples.ts'
import type { ComparisonRecord } from '../report/comparison-records.ts'

/** As `--format` of the command line. */
export const RESULT_FORMATS = ['table', 'json', 'ndjson', 'csv', 'markdown', 'full'] as const

export type ResultFormat = typeof RESULT_FORMATS[number]

export interface TextOptions {
  /** Characters of a line of a table. @default 160 */
  width?: number
  /** A row for every worker of a table, however many there are. */
  allRows?: boolean
  /** Below the table: spread, percentiles, outliers, drift and more. */
  details?: boolean
}

/** What came of a job: every worker's record, and the statistics that the table shows. Times are nanoseconds, memory is bytes. */
export class Results {
  readonly job: FullJob
  /** Every worker that was targeted; `state` says how its part ended. */
  readonly workers: FullWorker[]
  /** Each command beside the first one, where they are compared. */
  readonly comparisons: ComparisonRecord[]
  /** How far apart the workers started that started together. */
  readonly startSkewNs?: number
  readonly #finished: FinishedJob
  readonly #full: FullResults

  constructor (finished: FinishedJob) {
    this.#finished = finished
    this.#full = fullResults(finished)
    this.job = this.#full.job
    this.workers = this.#full.workers
    this.comparisons = this.#full.comparisons ?? []
    this.startSkewNs = this.#full.startSkewNs
  }

  /** What the command line would exit with: 0 = every worker did what was asked, 1 = one failed, was stopped, lost or cancelled, 3 = a regression. */
  get exitCode (): 0 | 1 | 3 {
    return exitCodeOf(this.#finished)
  }

  /** As the command line writes it, a newline at its end. */
  text (format: ResultFormat = 'table', { width = 160, allRows, details }: TextOptions = {}): string {
    switch (format) {
      case 'json': return renderJson(this.#finished)
      case 'ndjson': return renderNdjson(this.#finished)
      case 'csv': return renderCsv(this.#finished)
      case 'markdown': return renderMarkdown(this.#finished)
      case 'full': return renderFull(this.#finished)
      case 'table': return renderTable(this.#finished, { colour: false, width, allRows, details })
    }
  }

  /** A report to pass on, as `--report` writes it: one HTML page that needs nothing else, or a comment for a pull request. */
  async report (type: 'html' | 'markdown', { samples = 'auto' }: { samples?: Samples } = {}): Promise<string> {
    const about = { writtenAt: Date.now(), version: VERSION }

    return type === 'html'
      ? (await import('../report/html/html-report.ts')).htmlReport(this.#finished, { ...about, samples })
      : (await import('../report/comment.ts')).renderComment(this.#finished, about)
  }

  /** The complete results, as `--export-full` writes them. */
  toJSON (): FullResults {
    return JSON.parse(toJson(this.#full))
  }
}
