import { createRequire } from 'node:module'
import { readdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { extname, join } from 'node:path'
import { openSync, type Font, type FontCollection } from 'fontkit'
import { FONT } from './look.ts'
import type { Measure } from './look.ts'

/** The font that goes along, so that pictures look the same everywhere and a machine without fonts can draw them. */
const FILES = {
  regular: 'dejavu-fonts-ttf/ttf/DejaVuSans.ttf',
  bold: 'dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf'
} as const

/** Where a machine keeps its own. */
const FOLDERS = [
  '/usr/share/fonts',
  '/usr/local/share/fonts',
  join(process.env.XDG_DATA_HOME ?? join(homedir(), '.local/share'), 'fonts'),
  join(homedir(), '.fonts'),
  '/System/Library/Fonts',
  '/Library/Fonts'
]

const MAX_FILES = 3_000

/** Another font, for characters that ours lacks. */
export interface Fallback {
  file: string
  /** In a file with several fonts, this one. */
  postscriptName: string
  characters: Set<string>
}

/** Chinese, Japanese and Korean characters are as wide as they are high. */
const WIDE = /[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Hangul}\p{Emoji_Presentation}\uff00-\uff60]/u

const require = createRequire(import.meta.url)
const open = new Map<string, Font>()
const widths = new Map<string, number>()

export function fontFile (weight: keyof typeof FILES): string {
  return require.resolve(FILES[weight])
}

/** By the real widths of the font's characters; what it lacks is taken to be as wide as such characters are. */
export const measureText: Measure = (text, size, bold = false) => {
  let width = 0

  for (const character of text) {
    width += widthOf(character, bold ? 'bold' : 'regular')
  }

  return width * size
}

/** Characters that the font lacks. */
export function missingIn (text: string): string[] {
  return [...new Set(text)].filter(character => !ours('regular').hasGlyphForCodePoint(character.codePointAt(0)!))
}

/** Fonts of this machine that have them, as few as will do; and what none has. */
export async function fallbacksFor (characters: readonly string[]): Promise<{ fallbacks: Fallback[], lacking: string[] }> {
  let lacking = [...characters]
  const fallbacks: Fallback[] = []

  for (const file of lacking.length === 0 ? [] : await fontFiles()) {
    for (const font of fontsIn(file)) {
      const had = lacking.filter(character => font.hasGlyphForCodePoint(character.codePointAt(0)!))

      if (had.length > 0) {
        fallbacks.push({ file, postscriptName: font.postscriptName, characters: new Set(had) })
        lacking = lacking.filter(character => !had.includes(character))
      }
    }

    if (lacking.length === 0) {
      break
    }
  }

  return { fallbacks, lacking }
}

/** The name under which ours stands in a picture. */
export { FONT }

function widthOf (character: string, weight: keyof typeof FILES): number {
  const key = `${weight}${character}`
  const known = widths.get(key)

  if (known != null) {
    return known
  }

  const font = ours(weight)
  const point = character.codePointAt(0)!
  const width = font.hasGlyphForCodePoint(point)
    ? font.glyphForCodePoint(point).advanceWidth / font.unitsPerEm
    : WIDE.test(character) ? 1 : 0.65

  widths.set(key, width)

  return width
}

function ours (weight: keyof typeof FILES): Font {
  const font = open.get(weight) ?? openSync(fontFile(weight)) as Font

  open.set(weight, font)

  return font
}

function fontsIn (file: string): Font[] {
  try {
    const found = openSync(file) as Font | FontCollection

    return 'fonts' in found ? found.fonts : [found]
  } catch {
    // not a font after all, or one that cannot be read: others may do
    return []
  }
}

async function fontFiles (): Promise<string[]> {
  const files = await Promise.all(FOLDERS.map(async folder => readdir(folder, { recursive: true }).then(names => names.map(name => join(folder, name)), () => [])))

  // the plain ones first: of bold and italic ones there are many
  return files.flat()
    .filter(file => ['.ttf', '.otf', '.ttc', '.otc'].includes(extname(file).toLowerCase()))
    .sort((a, b) => Number(/bold|italic|oblique|light|thin|black/i.test(a)) - Number(/bold|italic|oblique|light|thin|black/i.test(b)) || a.localeCompare(b))
    .slice(0, MAX_FILES)
}
