import { FONTS, PALETTES } from '../../report/plot/look.ts'
import type { Measure, Palette, Theme } from '../../report/plot/look.ts'

let context: CanvasRenderingContext2D | null | undefined

/** How wide the browser makes a text: of the fonts that it has. */
export const measureInBrowser: Measure = (text, size, bold = false) => {
  context ??= document.createElement('canvas').getContext('2d')

  // without a canvas there is no chart either
  if (context == null) {
    return text.length * size * 0.6
  }

  context.font = `${bold ? 'bold ' : ''}${size}px ${FONTS}`

  return context.measureText(text).width
}

/** The colours of a chart within the page's: of series those that are told apart, of everything else what the page has. */
export function palettes (): { theme: Theme, palette: Palette } {
  const isForced = matchMedia('(forced-colors: active)').matches
  const of = (token: string, forced: string): string => resolved(isForced ? forced : `var(${token})`)
  const background = of('--ground', 'Canvas')
  const theme = isDark(background) ? 'dark' : 'light'
  const text = of('--text', 'CanvasText')

  return {
    theme,
    palette: {
      ...PALETTES[theme],
      background,
      text,
      muted: of('--dim', 'CanvasText'),
      grid: of('--line', 'GrayText'),
      ...matchMedia('(prefers-contrast: more)').matches || isForced ? { neutral: text, edge: text } : {}
    }
  }
}

/** Calls when the colours of the page have changed; returns what ends it. */
export function onLookChange (listener: () => void): () => void {
  const queries = ['(prefers-color-scheme: dark)', '(forced-colors: active)', '(prefers-contrast: more)'].map(query => matchMedia(query))

  queries.forEach(query => { query.addEventListener('change', listener) })

  return () => { queries.forEach(query => { query.removeEventListener('change', listener) }) }
}

/** `rgb(…)`, as every drawing library reads it. */
function resolved (color: string): string {
  const probe = document.createElement('span')

  probe.style.color = color
  probe.style.setProperty('forced-color-adjust', 'none')
  document.body.append(probe)

  const { color: found } = getComputedStyle(probe)

  probe.remove()

  return found
}

/** By what it weighs for the eye: ITU-R BT.601. */
export function isDark (rgb: string): boolean {
  const [red = 255, green = 255, blue = 255] = (rgb.match(/[\d.]+/g) ?? []).map(Number)

  return red * 0.299 + green * 0.587 + blue * 0.114 < 128
}
