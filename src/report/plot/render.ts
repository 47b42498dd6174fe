import * as vega from 'vega'
import { fallbacksFor, fontFile, FONT, measureText, missingIn } from './fonts.ts'
import type { Fallback } from './fonts.ts'
import type { Spec } from './look.ts'

/** A picture as SVG, which everything else is made of. */
export interface Picture {
  svg: string
  /** Pixels. */
  width: number
  height: number
}

/** The text of a chart, as vega asks for its width. */
interface TextItem {
  fontSize?: number
  fontWeight?: string | number
}

/** Its types leave it out. */
const metrics = (vega as unknown as { textMetrics: object }).textMetrics

/** Draws a chart. The only place that knows the library. */
export async function draw (spec: Spec): Promise<Picture> {
  // without a canvas it would guess, and labels would overlap
  Object.assign(metrics, { width: ({ fontSize = 11, fontWeight }: TextItem, text: unknown) => measureText(String(text ?? '').trim(), fontSize, fontWeight === 'bold' || Number(fontWeight) >= 600) })

  const view = new vega.View(vega.parse(spec as any), { renderer: 'none' })

  try {
    const svg = await view.toSVG()
    const [, width = '0', height = '0'] = /<svg[^>]* width="([\d.]+)" height="([\d.]+)"/.exec(svg) ?? []

    return { svg, width: Number(width), height: Number(height) }
  } finally {
    view.finalize()
  }
}

/** Characters in these pictures that no font here has: they come out as empty boxes. */
export async function lackingIn (pictures: readonly Picture[]): Promise<string[]> {
  return (await fallbacksFor(missingIn(textOf(pictures)))).lacking
}

/** @param scale - pixels of the picture for each of the chart's */
export async function toPng ({ svg, width }: Picture, scale: number): Promise<Uint8Array> {
  const { Resvg } = await import('@resvg/resvg-js')
  const { fallbacks } = await fallbacksFor(missingIn(textOf([{ svg }])))
  const resvg = new Resvg(svg, {
    fitTo: { mode: 'width', value: Math.round(width * scale) },
    font: { loadSystemFonts: false, fontFiles: [fontFile('regular'), fontFile('bold'), ...fallbacks.map(({ file }) => file)], defaultFontFamily: FONT }
  })

  return resvg.render().asPng()
}

/** One page for each picture, as large as that is. */
export async function toPdf (pictures: readonly Picture[], title: string): Promise<Uint8Array> {
  const [{ default: PDFDocument }, { default: addSvg }] = await Promise.all([import('pdfkit'), import('svg-to-pdfkit')])
  const { fallbacks } = await fallbacksFor(missingIn(textOf(pictures)))
  // a pixel of a picture is a 96th of an inch, and a point a 72nd
  const points = 0.75
  const document = new PDFDocument({ autoFirstPage: false, info: { Title: title, Producer: 'Meshmark', Creator: 'Meshmark' } })
  const chunks: Uint8Array[] = []
  const { promise, resolve, reject } = Promise.withResolvers<void>()

  document.on('data', (chunk: Uint8Array) => { chunks.push(chunk) }).on('end', resolve).on('error', reject)
  document.registerFont('regular', fontFile('regular'))
  document.registerFont('bold', fontFile('bold'))
  fallbacks.forEach(({ file, postscriptName }, at) => document.registerFont(nameOf(at), file, postscriptName))

  for (const { svg, width, height } of pictures) {
    document.addPage({ size: [width * points, height * points], margin: 0 })
    addSvg(document, withFallbacks(svg, fallbacks), 0, 0, {
      assumePt: false,
      width: width * points,
      height: height * points,
      fontCallback: (family: string, bold: boolean) => /fallback\d+/.exec(family)?.[0] ?? (bold ? 'bold' : 'regular')
    })
  }

  document.end()
  await promise

  return Buffer.concat(chunks)
}

/** A document takes its characters from the one font that it is told: each run gets one that has them. */
function withFallbacks (svg: string, fallbacks: readonly Fallback[]): string {
  return fallbacks.length === 0
    ? svg
    : svg.replace(/(<(?:text|tspan)\b[^>]*>)([^<]+)/g, (_, start: string, text: string) => start + runsOf(text, fallbacks).map(({ font, run }) => font === -1 ? run : `<tspan font-family="${nameOf(font)}">${run}</tspan>`).join(''))
}

function runsOf (text: string, fallbacks: readonly Fallback[]): Array<{ font: number, run: string }> {
  const runs: Array<{ font: number, run: string }> = []

  for (const character of text) {
    const font = fallbacks.findIndex(({ characters }) => characters.has(character))
    const last = runs.at(-1)

    if (last?.font === font) {
      last.run += character
    } else {
      runs.push({ font, run: character })
    }
  }

  return runs
}

function nameOf (at: number): string {
  return `fallback${at}`
}

function textOf (pictures: ReadonlyArray<Pick<Picture, 'svg'>>): string {
  return pictures.flatMap(({ svg }) => [...svg.matchAll(/<(?:text|tspan)\b[^>]*>([^<]+)/g)].map(([, text]) => text)).join('')
}
