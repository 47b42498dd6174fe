import '../../../src/node/polyfill.ts'
import { inflateSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { chart, usualKind } from '../../../src/report/plot/charts.ts'
import { measureText, missingIn } from '../../../src/report/plot/fonts.ts'
import { cut, PALETTES, shorten, THEMES, wrap } from '../../../src/report/plot/look.ts'
import { draw, toPdf, toPng } from '../../../src/report/plot/render.ts'
import { compared } from '../comparison-fixtures.ts'
import { finished } from '../fixtures.ts'
import { names, recording, SUBJECTS } from './subjects.ts'
import { contrast, textsOf } from './svg-texts.ts'
import type { Picture } from '../../../src/report/plot/render.ts'
import type { TextBox } from './svg-texts.ts'

/** What two boxes share by rounding is nothing. */
const TOLERANCE = 0.5

function overlapping (boxes: TextBox[]): string[] {
  return boxes.flatMap((a, at) => boxes.slice(at + 1)
    .filter(b => Math.min(a.right, b.right) - Math.max(a.left, b.left) > TOLERANCE && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > TOLERANCE)
    .map(b => `'${a.text}' and '${b.text}'`))
}

/** On black everything is where it is on white: one of each kind shows the colours. */
const DARK = SUBJECTS.filter(({ kind }, at) => SUBJECTS.findIndex(other => other.kind === kind) === at)

describe.each(THEMES)('a picture, %s', theme => {
  it.each(theme === 'light' ? SUBJECTS : DARK)('of $name ($kind) has all of its texts inside, none over another, and each readable', async ({ kind, subject, width = 900, height }) => {
    const { svg, ...size } = await draw(chart(kind, subject, { theme, width, ...height == null ? {} : { height }, measure: measureText }))
    const texts = textsOf(svg)

    expect(size.width).toBe(width)
    expect(height == null || size.height === height).toBe(true)
    expect(texts.length).toBeGreaterThan(4)
    expect(texts.filter(({ left, right, top, bottom }) => left < 0 || top < 0 || right > size.width || bottom > size.height)).toEqual([])
    expect(overlapping(texts)).toEqual([])
    expect(texts.filter(({ fill }) => contrast(fill, PALETTES[theme].background) < 4.5)).toEqual([])
    expect(svg).not.toMatch(/NaN|undefined|Infinity/)
  })

  it('has colours for marks that stand out from it', () => {
    const { background, series, bad, good, neutral } = PALETTES[theme]

    expect([...series, bad, good, neutral].filter(colour => contrast(colour, background) < 3)).toEqual([])
  })
})

describe.each([358, 900])('a picture of what was when, %i pixels wide', width => {
  it.each(SUBJECTS.filter(({ kind }) => kind === 'busy' || kind === 'throughput'))('of $name ($kind) has the time of day below its axis where there is a clock', async ({ kind, subject }) => {
    const clocks: number[] = []
    const timeOfDay = (ms: number, isToTheSecond: boolean): string => {
      clocks.push(ms)

      return new Date(ms).toISOString().slice(11, isToTheSecond ? 19 : 16)
    }
    const { svg, ...size } = await draw(chart(kind, subject, { theme: 'light', width, measure: measureText, timeOfDay }))
    const texts = textsOf(svg)
    const times = texts.filter(({ text }) => /^\d\d:\d\d(:\d\d)?$/.test(text))
    const [first, second] = clocks

    // each below how long after the beginning that was
    for (const time of times) {
      const middle = (time.left + time.right) / 2

      expect(texts.filter(({ text, left, right, bottom }) => /^[\d.]+$/.test(text) && Math.abs((left + right) / 2 - middle) < 1 && bottom <= time.top + TOLERANCE)).toHaveLength(1)
    }

    expect(times.length).toBeGreaterThan(1)
    expect(second! - first!).toBeGreaterThan(0)
    expect(texts.filter(({ left, right, top, bottom }) => left < 0 || top < 0 || right > size.width || bottom > size.height)).toEqual([])
    expect(overlapping(texts)).toEqual([])
  })
})

describe('a text that has too little room', () => {
  it('of a name loses its middle and keeps its end, by which machines differ', () => {
    const short = shorten('compute-node-in-the-basement-07', 100, measureText)

    expect(short).toMatch(/^comp.*…-?.*07$/)
    expect(measureText(short, 11.5)).toBeLessThanOrEqual(100)
  })

  it('of a sentence loses its end, or goes on in the next line, and a number stays with its sign', () => {
    expect(cut('one two three four', 60, measureText)).toMatch(/^one.*…$/)
    expect(wrap('it was 95 % of all', measureText('it was 95', 12) + 1, measureText)).toEqual(['it was', '95\u00a0% of', 'all'])
  })

  it('obeys no control characters', () => {
    expect(shorten('a\u001b[31mb', 500, measureText)).toBe('a?[31mb')
  })
})

describe('the usual picture', () => {
  const run = finished([{ name: 'a', cpu: 'x', runs: [[1, 2, 3]] }])

  it.each([
    ['a recording', { jobs: [], sets: [], profile: recording(names(2)) }, 'busy'],
    ['a job that measured', { jobs: [run], sets: [] }, 'distribution'],
    ['two jobs', { jobs: [run, run], sets: [] }, 'distribution'],
    ['a comparison', { jobs: [compared([{ name: 'a', slower: [1.1] }])], sets: [] }, 'comparison'],
    ['items', { jobs: [{ ...run, job: { ...run.job, each: { items: ['1', '2'] } } }], sets: [] }, 'busy'],
    ['a parameter', SUBJECTS.find(({ name }) => name === 'a parameter')!.subject, 'scaling']
  ] as const)('of %s', (_, subject, kind) => {
    expect(usualKind(subject as any)).toBe(kind)
  })

  it.each([
    ['comparison', { jobs: [run], sets: [] }, 'this job compared nothing'],
    ['scaling', { jobs: [run], sets: [] }, 'nothing to draw a line through'],
    ['distribution', { jobs: [], sets: [], profile: recording(names(2)) }, 'a recording holds no single runs']
  ] as const)('is not %s where there is nothing to show', (kind, subject, message) => {
    expect(() => chart(kind, subject as any, { theme: 'light', width: 900, measure: measureText })).toThrow(message)
  })
})

describe('the files', () => {
  let picture: Picture

  beforeAll(async () => {
    const { kind, subject } = SUBJECTS.find(({ name }) => name === 'names of many scripts')!

    picture = await draw(chart(kind, subject, { theme: 'light', width: 900, measure: measureText }))
  })

  it('hold a PNG of the size that was asked for', async () => {
    const png = Buffer.from(await toPng(picture, 2))

    expect(png.subarray(0, 8)).toEqual(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]))
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([1_800, picture.height * 2])
  })

  it('hold a PDF with a page for each picture, and a font with the characters of the names', async () => {
    const pdf = Buffer.from(await toPdf([picture, picture], 'two')).toString('latin1')
    const streams = [...pdf.matchAll(/stream\r?\n([\s\S]*?)\r?\nendstream/g)].map(([, bytes = '']) => {
      try {
        return inflateSync(Buffer.from(bytes, 'latin1')).toString('latin1')
      } catch {
        return ''
      }
    })

    expect(pdf.slice(0, 5)).toBe('%PDF-')
    expect(pdf.match(/\/Type \/Page\b/g)).toHaveLength(2)
    expect(pdf).toMatch(/\/MediaBox \[0 0 675 /)
    expect(pdf).toContain('DejaVuSans')
    // the map from the font's glyphs back to characters: Ł is 0141
    expect(streams.some(text => text.includes('begincmap') && /<0141>/i.test(text))).toBe(true)
  })

  it('need no font of the machine for Latin, Greek and Cyrillic', () => {
    expect(missingIn('Łódź Ωμέγα сервер ± µs · … é')).toEqual([])
    expect(missingIn('北a')).toEqual(['北'])
  })
})
