import stringWidth from 'fast-string-width'

export interface Column {
  key: string
  title: string
  align: 'left' | 'right'
  /** May be cut down to this width when the lines are too long. */
  shrinkTo?: number
  /** May be left out when that is not enough; the lowest number goes first. */
  drop?: number
}

export interface Line {
  cells: Record<string, string>
  /** From this column on, one text across all the others. */
  span?: { from: string, text: string }
  /** Wraps the finished line, e.g. in a colour. */
  style?: (text: string) => string
  /** Wraps one cell. */
  styles?: Record<string, (text: string) => string>
}

const GAP = '  '

/** Lines of text under their titles, in columns as wide as their widest cell, no longer than `width` if that can be had. */
export function layOut (columns: readonly Column[], lines: readonly Line[], width: number, titleStyle: (text: string) => string): string[] {
  const { kept, widths } = fit(columns, lines, width)
  // Figures have notes, texts from elsewhere only look as if.
  const dropped = columns.filter(column => column.align === 'right' && !kept.includes(column))
  const last = kept.at(-1)
  const marked = last == null ? [] : lines.map(line => withMarks(withSpan(line, columns, kept), dropped, last.key))

  // Columns are fewer in each round.
  if (marked.some((line, i) => line !== lines[i])) {
    return layOut(kept, marked, width, titleStyle)
  }

  const titles = Object.fromEntries(kept.map(({ key, title }) => [key, title]))

  return [{ cells: titles, style: titleStyle }, ...lines].map(line => {
    const parts: string[] = []

    for (const [i, column] of kept.entries()) {
      if (line.span?.from === column.key) {
        parts.push(line.span.text)
        break
      }

      const style = line.styles?.[column.key] ?? (text => text)
      const text = cut(line.cells[column.key] ?? '', widths[i] ?? 0)
      const space = ' '.repeat(Math.max(0, (widths[i] ?? 0) - stringWidth(text)))

      parts.push(column.align === 'right' ? space + style(text) : style(text) + space)
    }

    const text = parts.join(GAP).trimEnd()

    return line.style == null ? text : line.style(text)
  })
}

/** A text across columns begins at the first of them that is there. */
function withSpan (line: Line, columns: readonly Column[], kept: readonly Column[]): Line {
  const from = columns.findIndex(({ key }) => key === line.span?.from)
  const start = columns.slice(Math.max(0, from)).find(column => kept.includes(column))

  return line.span == null || start == null || start.key === line.span.from ? line : { ...line, span: { ...line.span, from: start.key } }
}

/** Numbers of notes, at the end of a cell. */
const MARKS = /(?: \(\d+\))+$/

/** The notes stay below the table, so their numbers move from columns that are left out to the last one. */
function withMarks (line: Line, dropped: readonly Column[], last: string): Line {
  const marksOf = (key: string): string[] => MARKS.exec(line.cells[key] ?? '')?.[0].match(/\d+/g) ?? []
  const moved = dropped.flatMap(({ key }) => marksOf(key))

  if (moved.length === 0) {
    return line
  }

  const marks = [...new Set([...moved, ...marksOf(last)])].sort((a, b) => Number(a) - Number(b)).map(mark => ` (${mark})`).join('')

  return { ...line, cells: { ...line.cells, [last]: (line.cells[last] ?? '').replace(MARKS, '') + marks } }
}

function fit (columns: readonly Column[], lines: readonly Line[], width: number): { kept: Column[], widths: number[] } {
  let kept = [...columns]

  for (;;) {
    const widths = kept.map(column => Math.max(stringWidth(column.title), ...lines.map(line => stringWidth(line.cells[column.key] ?? ''))))
    let excess = widths.reduce((sum, cell) => sum + cell, GAP.length * (kept.length - 1)) - width

    for (const [i, { shrinkTo, title }] of kept.entries()) {
      const now = widths[i] ?? 0
      const less = shrinkTo == null ? 0 : Math.max(0, Math.min(excess, now - Math.max(shrinkTo, stringWidth(title))))

      widths[i] = now - less
      excess -= less
    }

    const next = excess <= 0 ? undefined : kept.filter(({ drop }) => drop != null).sort((a, b) => (a.drop ?? 0) - (b.drop ?? 0))[0]

    if (next == null) {
      return { kept, widths }
    }

    kept = kept.filter(column => column !== next)
  }
}

/** Cut to a width on the screen, with a mark; never through a character. */
export function cut (text: string, width: number): string {
  if (stringWidth(text) <= width) {
    return text
  }

  let kept = ''
  let used = 1

  for (const { segment } of new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(text)) {
    used += stringWidth(segment)

    if (used > width) {
      break
    }

    kept += segment
  }

  return width < 1 ? '' : `${kept}…`
}
