import { createHash } from 'node:crypto'
import { PALETTES, type Palette } from '../plot/look.ts'
import { html, trusted, type Html, type Value } from './markup.ts'
import type { Assets } from '../page-assets.ts'

export interface Page {
  title: string
  body: Html
  /** What hides a command or a worker when its box is not checked. */
  toggles: ReadonlyArray<{ id: string, selector: string }>
  version: string
}

/** The whole document. It may ask for nothing: neither a script nor a style but these two, no image, no address. */
export function renderPage ({ title, body, toggles, version }: Page, { style, script }: Assets): string {
  const css = `${style}${chartColours()}${toggles.map(({ id, selector }) => `:root:has(#${id}:not(:checked)) ${selector}{display:none}`).join('')}`
  const policy = [
    "default-src 'none'",
    `style-src '${digestOf(css)}'`,
    `script-src '${digestOf(script)}'`,
    "base-uri 'none'",
    "form-action 'none'"
  ].join('; ')

  return `<!doctype html>
${html`<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${trusted(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="Meshmark ${version}">
<title>${title}</title>
<style>${trusted(css)}</style></head>
<body>
${body}
<script>${trusted(script)}</script></body></html>`}
`
}

function digestOf (text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}

/** Pictures are drawn in the colours of the light theme; in a dark one each is another. */
function chartColours (): string {
  const { light, dark } = PALETTES
  const list = (theme: Palette): string[] => [theme.background, theme.text, theme.muted, theme.grid, theme.neutral, theme.bad, theme.faint, ...theme.away, theme.good, ...theme.series]
  const [from, until] = [list(light), list(dark)]
  const variables = (theme: Palette): string => `:root{${theme.series.map((colour, at) => `--c${at}:${colour};`).join('')}--better:${theme.good};--worse:${theme.bad};--same:${theme.series[2]};--unclear:${theme.neutral};}`
  const swaps = from.flatMap((colour, at) => from.indexOf(colour) === at ? [`.picture [fill="${colour}"]{fill:${until[at]}}.picture [stroke="${colour}"]{stroke:${until[at]}}`] : [])

  return `${variables(light)}@media screen and (prefers-color-scheme:dark){${variables(dark)}${swaps.join('')}}`
}

/**
 * A picture of the plot room, whose texts are escaped there. A style of its own
 * would be refused by the page, its names count all pictures that were ever
 * drawn, and what it tells of its parts nobody hears inside of an image.
 */
export function picture (svg: string, label: string, number: number): Html {
  const names = new Map<string, string>()
  const size = /<svg[^>]* width="([\d.]+)" height="([\d.]+)"/.exec(svg)
  const inner = svg.slice(svg.indexOf('>') + 1).replace(/ (?:style|role|aria-[a-z]+)="[^"]*"/g, '').replace(/(?<= id="|url\(#)[^")]+/g, name => {
    names.set(name, names.get(name) ?? `picture-${number}-${names.size}`)

    return names.get(name) ?? ''
  })

  return html`<svg class="picture" role="img" aria-label="${label}" viewBox="0 0 ${size?.[1] ?? '900'} ${size?.[2] ?? '300'}">${trusted(inner)}`
}

/** A block that can be folded, and that paper shows open. */
export function fold (summary: Value, content: Value): Html {
  return html`<details><summary>${summary}</summary>${content}</details>`
}
