import { gzipSync } from 'node:zlib'
import { renderCsv } from '../csv.ts'
import { fullResults } from '../full.ts'
import { toJson } from '../to-json.ts'
import { html, type Html } from './markup.ts'
import type { FinishedJob } from '../../model/finished.ts'
import type { Samples } from './samples.ts'

/** Of compressed data with every run, as base64: what a mail takes. */
const MAX_WITH_SAMPLES = 4 * 1024 * 1024

/** A link's address may be 2 MiB long in Chromium. */
const MAX_LINK = 1_500_000

/** A file that the page holds, compressed. */
export interface Held {
  /** Which one it is, for the script. */
  id: string
  /** What it is called when it is saved, without `.gz`. */
  name: string
  base64: string
  bytes: number
}

export interface Data {
  held: Held[]
  /** The single runs are among it. */
  hasSamples: boolean
}

/** The complete results, with or without every single run, and the table as CSV. */
export function dataOf (finished: FinishedJob, samples: Samples, name: string): Data {
  const full = samples === 'none' ? undefined : hold('json', `${name}.json`, `${toJson(fullResults(finished))}\n`)
  const isKept = full != null && (samples === 'all' || full.base64.length <= MAX_WITH_SAMPLES)
  const json = isKept ? full : hold('json', `${name}.json`, `${toJson(JSON.parse(toJson(withoutSamples(finished)), rounded))}\n`)

  const csv = hold('csv', `${name}.csv`, finished.job.map != null ? '' : isKept ? renderCsv(finished) : renderCsv(finished, shorter))

  return { hasSamples: isKept, held: [json, ...csv.bytes === 0 ? [] : [csv]] }
}

export function hold (id: string, name: string, text: string): Held {
  const bytes = Buffer.from(text)

  return { id, name, bytes: bytes.byteLength, base64: gzipSync(bytes, { level: 7 }).toString('base64') }
}

/** A summary needs no digits that no clock has: they are most of its bytes. */
function rounded (_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? shorter(value) : value
}

function shorter (figure: number): number {
  return Number(figure.toPrecision(7))
}

/** The same with what was computed of the runs, and none of them; a reader of the file is told. */
function withoutSamples (finished: FinishedJob): object {
  const results = fullResults(finished)

  return {
    ...results,
    samplesLeftOut: true,
    workers: results.workers.map(({ result, ...worker }) => result == null
      ? worker
      : { ...worker, result: { ...result, commands: result.commands.map(command => ({ ...command, runs: command.samples.length, samples: [] })) } })
  }
}

/** A link that saves it as it is; what is too long for one waits for the script. */
export function heldMarkup ({ id, name, base64 }: Held, label: string): Html {
  return base64.length <= MAX_LINK
    ? html`<a class="button" id="data-${id}" data-name="${name}" download="${name}.gz" href="data:application/gzip;base64,${base64}">${label}</a>`
    : html`<a class="button needs-script" id="data-${id}" data-name="${name}" href="#data">${label}</a><script type="application/gzip" id="held-${id}">${base64}</script>`
}
