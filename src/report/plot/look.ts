import { printable } from '../../model/text.ts'

export const THEMES = ['light', 'dark'] as const

export type Theme = typeof THEMES[number]

/** How wide a text is, in pixels at 1 pixel per CSS pixel. */
export type Measure = (text: string, size: number, bold?: boolean) => number

/** How a chart is to look. */
export interface Look {
  theme: Theme
  /** Pixels of the whole picture. */
  width: number
  /** Absent = as much as the content needs. */
  height?: number
  measure: Measure
  /** Where it is part of a page, that page's colours. @default the theme's own */
  palette?: Palette
  /** How an instant is said. @default in UTC */
  clock?: (ms: number) => string
  /** The time of day, which then stands below an axis of elapsed time too. @default none */
  timeOfDay?: (ms: number, isToTheSecond: boolean) => string
}

/** A chart as Vega takes it. */
export type Spec = Record<string, unknown>

export const FONT = 'DejaVu Sans'

/** Where that font is missing, one that is about as wide comes first, and then any that is narrower. */
export const FONTS = `'${FONT}', Verdana, 'Bitstream Vera Sans', Geneva, sans-serif`

export const SIZES = { title: 16, text: 12, label: 11.5 } as const

export const PADDING = 16

export interface Palette {
  background: string
  text: string
  /** Explanations, labels of axes. */
  muted: string
  grid: string
  /** Nobody of ours, or nothing to say. */
  neutral: string
  bad: string
  /** Of a lighter kind than a series. */
  faint: string
  /** Three ways of being away. */
  away: readonly string[]
  good: string
  /** Told apart with any kind of colour vision, and against the background. */
  series: readonly string[]
  /** Around what is filled, for those who need more contrast than colours have. @default none */
  edge?: string
}

/** Series are told apart by their shapes as well. */
export const SHAPES = ['circle', 'square', 'triangle-up', 'diamond', 'triangle-down', 'cross', 'triangle-right', 'triangle-left'] as const

export function shapeOf (at: number): string {
  return SHAPES[at % SHAPES.length]!
}

/** After Okabe and Ito, darker on white and lighter on black: 3 to 1 at least. */
export const PALETTES: Record<Theme, Palette> = {
  light: {
    background: '#ffffff',
    text: '#1b1f24',
    muted: '#555e68',
    grid: '#e3e6ea',
    neutral: '#8a929c',
    bad: '#c44a00',
    faint: '#a9cfe6',
    away: ['#c3c8cf', '#d9cfa8', '#e6bfa9'],
    good: '#0072b2',
    series: ['#0072b2', '#b87700', '#00805d', '#b5568c', '#3d8fc9', '#6b5b95', '#7a6a00', '#444c56']
  },
  dark: {
    background: '#14171c',
    text: '#eceff3',
    muted: '#a9b2bd',
    grid: '#2c323a',
    neutral: '#7d8793',
    bad: '#ff7d45',
    faint: '#2c5671',
    away: ['#454c56', '#5c5433', '#6b4531'],
    good: '#56b4e9',
    series: ['#56b4e9', '#e69f00', '#2fbf96', '#e58fc0', '#9cc9f0', '#b9a6e8', '#f0e442', '#c9d1d9']
  }
}

export function paletteOf ({ theme, palette }: Look): Palette {
  return palette ?? PALETTES[theme]
}

/** Fits the width: the middle is left out, since machines are mostly numbered at the end. */
export function shorten (text: string, maxPx: number, measure: Measure, size: number = SIZES.label, bold = false): string {
  const whole = [...printable(text, 1_000)]

  if (measure(whole.join(''), size, bold) <= maxPx) {
    return whole.join('')
  }

  let low = 0
  let high = whole.length

  // the most characters that fit
  while (low < high) {
    const kept = Math.ceil((low + high) / 2)

    if (measure(without(whole, kept), size, bold) <= maxPx) {
      low = kept
    } else {
      high = kept - 1
    }
  }

  return without(whole, low)
}

/** The same, but the end goes: of sentences and command lines. */
export function cut (text: string, maxPx: number, measure: Measure, size: number = SIZES.text, bold = false): string {
  const whole = [...printable(text, 1_000)]

  if (measure(whole.join(''), size, bold) <= maxPx) {
    return whole.join('')
  }

  while (whole.length > 0 && measure(`${whole.join('')}…`, size, bold) > maxPx) {
    whole.pop()
  }

  return `${whole.join('').trimEnd()}…`
}

/** Lines no wider than that; a word that is wider is cut. */
export function wrap (text: string, maxPx: number, measure: Measure, size: number = SIZES.text): string[] {
  const lines: string[] = []
  let line = ''

  // a number stays with its sign
  for (const word of printable(text, 2_000).replaceAll(' %', '\u00a0%').split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`

    if (measure(longer, size) <= maxPx) {
      line = longer
    } else {
      if (line !== '') {
        lines.push(line)
      }

      line = cut(word, maxPx, measure, size)
    }
  }

  return line === '' ? lines : [...lines, line]
}

function without (whole: string[], kept: number): string {
  const tail = Math.floor(kept / 2)

  return `${whole.slice(0, kept - tail).join('')}…${tail === 0 ? '' : whole.slice(-tail).join('')}`
}
