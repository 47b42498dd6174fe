import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { parse, type DefaultTreeAdapterTypes } from 'parse5'
import { describe, expect, it } from 'vitest'
import { parseResultSet } from '../../../src/report/result-sets.ts'
import { htmlReport } from '../../../src/report/html/html-report.ts'
import { pageAssets } from '../../../src/report/page-assets.ts'
import { renderReport } from '../../../src/report/html/report.ts'
import { renderSideBySide } from '../../../src/report/html/side-by-side.ts'
import { resultSetOf } from '../../../src/report/result-sets.ts'
import { sideBySide } from '../../../src/report/side-by-side.ts'
import { compared } from '../comparison-fixtures.ts'
import { hostile, HOSTILE, items, many, measured, regression, single } from './jobs.ts'
import type { FinishedJob } from '../../../src/model/finished.ts'
import type { ReportOptions } from '../../../src/report/html/report.ts'

type Element = DefaultTreeAdapterTypes.Element

const OPTIONS: ReportOptions = { writtenAt: Date.UTC(2026, 0, 2), version: '0.1.0', samples: 'auto', assets: pageAssets() }
const PRINTED = new Map([[`12D3KooW-${HOSTILE}`, { stderr: Buffer.from(HOSTILE.repeat(300)), stdout: Buffer.from('\u001b[31mred\u001b[0m') }]])

/** What a browser makes of it; every complaint of the parser is an error. */
function elementsOf (text: string): Element[] {
  const errors: string[] = []
  const found: Element[] = []
  const visit = (node: DefaultTreeAdapterTypes.Node): void => {
    if ('tagName' in node) {
      found.push(node)
    }

    for (const child of 'childNodes' in node ? node.childNodes : []) {
      visit(child)
    }
  }

  visit(parse(text, { onParseError: ({ code, startLine }) => { errors.push(`${code} in line ${startLine}`) } }))
  expect(errors).toEqual([])

  return found
}

function attributesOf (elements: readonly Element[]): Array<[name: string, value: string]> {
  return elements.flatMap(({ attrs }) => attrs.map(({ name, value }): [string, string] => [name, value]))
}

function textIn (element: Element | undefined): string {
  return element?.childNodes.map(node => 'value' in node ? node.value : 'tagName' in node ? textIn(node) : '').join('') ?? ''
}

function dataIn (text: string): any {
  const link = elementsOf(text).find(({ attrs }) => attrs.some(({ name, value }) => name === 'id' && value === 'data-json'))
  const href = link?.attrs.find(({ name }) => name === 'href')?.value ?? ''

  return JSON.parse(gunzipSync(Buffer.from(href.slice(href.indexOf(',') + 1), 'base64')).toString())
}

const JOBS: Array<[name: string, job: FinishedJob]> = [['two commands on three workers', measured()], ['a regression', regression()], ['a single run', single()], ['hostile names', hostile()], ['items with failures', items(120)], ['no worker at all', { ...measured(), workers: [] }]]

describe('a report as one page', () => {
  it.each(JOBS)('of %s is well-formed, asks nobody for anything, and runs only what is its own', async (_, job) => {
    const text = await htmlReport(job, { ...OPTIONS, printed: PRINTED })
    const elements = elementsOf(text)
    const scripts = elements.filter(({ tagName }) => tagName === 'script')
    const styles = elements.filter(({ tagName }) => tagName === 'style')
    const policy = elements.find(({ attrs }) => attrs.some(({ value }) => value === 'Content-Security-Policy'))?.attrs.find(({ name }) => name === 'content')?.value ?? ''
    const digest = (element: Element | undefined): string => `'sha256-${createHash('sha256').update(textIn(element)).digest('base64')}'`
    const attributes = attributesOf(elements)
    const ids = attributes.flatMap(([name, value]) => name === 'id' ? [value] : [])

    expect(scripts).toHaveLength(1)
    expect(styles).toHaveLength(1)
    expect(policy).toBe(`default-src 'none'; style-src ${digest(styles[0])}; script-src ${digest(scripts[0])}; base-uri 'none'; form-action 'none'`)
    expect(elements.filter(({ tagName }) => ['img', 'link', 'iframe', 'object', 'embed', 'base', 'form', 'use'].includes(tagName))).toEqual([])
    expect(attributes.filter(([name]) => name === 'style' || name.startsWith('on'))).toEqual([])
    // within the page, or what it holds
    expect(attributes.filter(([name, value]) => ['href', 'src', 'xlink:href', 'action', 'srcset'].includes(name) && !value.startsWith('#') && !value.startsWith('data:application/gzip;base64,'))).toEqual([])
    expect(textIn(styles[0])).not.toMatch(/url\(|@import/)
    expect(new Set(ids).size).toBe(ids.length)
    // every link within the page leads somewhere
    expect(attributes.flatMap(([name, value]) => name === 'href' && value.startsWith('#') && !ids.includes(value.slice(1)) ? [value] : [])).toEqual([])
    expect(text.length).toBeLessThan(1_000_000)
  })

  it('is the same of the same', async () => {
    expect(await htmlReport(items(40), OPTIONS)).toBe(await htmlReport(items(40), OPTIONS))
  })

  it('shows what a hostile program printed as text, and only its end', () => {
    const text = renderReport(hostile(), { ...OPTIONS, printed: PRINTED })
    const shown = elementsOf(text).filter(({ tagName }) => tagName === 'pre').map(textIn)

    expect(shown.some(part => part.includes('<script>alert(2)</script>'))).toBe(true)
    expect(shown).toContain('red')
    expect(text).toContain('before it left out')
    // eslint-disable-next-line no-control-regex
    expect(text).not.toMatch(/[\u0000-\u0008\u001b\u202e]/)
    expect(Math.max(...shown.map(({ length }) => length))).toBeLessThan(5_000)
  })

  it('says first what a comparison comes to, and which machines made it a regression', () => {
    const header = textIn(elementsOf(renderReport(regression(), OPTIONS)).find(({ tagName }) => tagName === 'header'))

    expect(header).toMatch(/regression slower by more than 5 % on lab-01: 1\.\d+ ± 0\.\d+ times the wall time, over 3 machines/)
    expect(header).toContain('./new 7 against ./old 7')
  })

  it('holds the complete results, which are read again, or all but the single runs', () => {
    const all = dataIn(renderReport(measured(), OPTIONS))
    const none = renderReport(measured(), { ...OPTIONS, samples: 'none' })

    expect(parseResultSet(JSON.stringify(all), 'x').commands.map(({ values }) => values.wall?.length)).toEqual([60, 60, 60, 60, 60, 60])
    expect(dataIn(none)).toMatchObject({ samplesLeftOut: true, workers: [{ result: { commands: [{ runs: 60, samples: [] }, { runs: 60 }] } }, {}, {}] })
    expect(none).toContain('without the 360 single runs')
  })

  it('stays below a megabyte without the single runs however many workers there are, and names those that need a look', () => {
    const text = renderReport(many(1_000), { ...OPTIONS, samples: 'none' })

    elementsOf(text)
    expect(text.length).toBeLessThan(1_000_000)
    expect(text).toContain('lab-0057')
    expect(text).toMatch(/The first 460 rows[^]*1,540 more rows are in the data/)
  })

  it('stays below a megabyte of a comparison on a thousand workers, too', () => {
    const text = renderReport(compared(Array.from({ length: 1_000 }, (_, at) => ({ name: `lab-${String(at).padStart(4, '0')}`, slower: [1 + at % 7 / 100], seed: at, pairs: 8 })), { failIfSlower: 0.05 }), { ...OPTIONS, samples: 'none' })

    expect(text.length).toBeLessThan(1_000_000)
    expect(text).toMatch(/more rows are in the data/)
  }, 60_000)

  it('draws a dot for each run between the ends of its axis, and hides what is not wanted without a script', () => {
    const text = renderReport(measured(), OPTIONS)
    const paths = elementsOf(text).filter(({ attrs }) => attrs.some(({ name, value }) => name === 'class' && value === 'dots')).map(({ attrs }) => attrs.find(({ name }) => name === 'd')?.value ?? '')

    expect(paths).toHaveLength(6)

    for (const path of paths) {
      const places = [...path.matchAll(/M(\d+) (\d+)h0/g)].map(([, x]) => Number(x))

      expect(places).toHaveLength(60)
      expect(Math.min(...places)).toBeGreaterThanOrEqual(0)
      expect(Math.max(...places)).toBeLessThanOrEqual(10_000)
    }

    expect(text).toContain(':root:has(#show-c1:not(:checked)) [data-c="1"]{display:none}')
  })

  it('of results side by side comes to no verdict', () => {
    const sets = [resultSetOf(measured(), 'old'), resultSetOf(hostile(), HOSTILE)]
    const rows = sideBySide(sets, 'wall')
    const text = renderSideBySide(sets, rows, 'wall', { ...OPTIONS, json: '{}' })

    expect(textIn(elementsOf(text).find(({ tagName }) => tagName === 'header'))).toContain('no verdict')
    expect(elementsOf(text).filter(({ tagName }) => tagName === 'script' || tagName === 'img')).toHaveLength(1)
  })
})
