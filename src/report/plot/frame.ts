import { cut, FONTS, PADDING, paletteOf, SIZES, wrap } from './look.ts'
import type { Look, Spec } from './look.ts'

export interface Frame {
  title: string
  /** What the marks mean, how many there are, from when: whole sentences, wrapped to the width. */
  subtitle: string
  /** Height of axes, legend and all, where no height was asked for. */
  contentHeight: number
}

const LINE = 16

/** The picture around a chart: exactly as large as it is to be, with a title, an explanation, and colours. */
export function frame (look: Look, { title, subtitle, contentHeight }: Frame, chart: Spec): Spec {
  const palette = paletteOf(look)
  const room = look.width - 2 * PADDING
  const lines = wrap(subtitle, room, look.measure)

  return {
    $schema: 'https://vega.github.io/schema/vega/v6.json',
    width: look.width,
    height: look.height ?? Math.round(contentHeight + lines.length * LINE + SIZES.title + 2 * PADDING + 24),
    autosize: { type: 'fit', contains: 'padding' },
    padding: PADDING,
    background: palette.background,
    title: { text: cut(title, room, look.measure, SIZES.title, true), subtitle: lines, anchor: 'start', frame: 'bounds', offset: 14 },
    config: {
      title: { font: FONTS, subtitleFont: FONTS, color: palette.text, fontSize: SIZES.title, fontWeight: 'bold', subtitleColor: palette.muted, subtitleFontSize: SIZES.text, subtitlePadding: 7, subtitleLineHeight: LINE },
      axis: {
        labelFont: FONTS,
        titleFont: FONTS,
        labelColor: palette.muted,
        titleColor: palette.text,
        labelFontSize: SIZES.label,
        titleFontSize: SIZES.text,
        titleFontWeight: 'normal',
        titlePadding: 9,
        gridColor: palette.grid,
        // lines in a colour of the reader's own must not hide the marks
        ...palette.edge == null ? {} : { gridOpacity: 0.5 },
        domainColor: palette.neutral,
        tickColor: palette.neutral,
        labelOverlap: 'greedy',
        labelSeparation: 6,
        labelLimit: 0,
        titleLimit: 0
      },
      legend: { labelFont: FONTS, labelColor: palette.text, labelFontSize: SIZES.label, symbolSize: 110, labelLimit: 0 },
      text: { font: FONTS, fill: palette.text, fontSize: SIZES.label }
    },
    ...chart
  }
}

/** A legend below the chart for a scale of colours, in as many columns as there is room for; none for a single entry. */
export function legendBelow (look: Look, labels: readonly string[], legend: Spec): Spec[] {
  const widest = Math.max(0, ...labels.map(label => look.measure(label, SIZES.label)))
  // a symbol, and the gap behind the label
  const columns = Math.max(1, Math.min(labels.length, Math.floor((look.width - 3 * PADDING) / (widest + 44))))

  return labels.length < 2 ? [] : [{ orient: 'bottom', direction: 'horizontal', columns, columnPadding: 18, rowPadding: 4, offset: 14, ...legend }]
}

/** How high a legend below becomes. */
export function legendHeight (look: Look, labels: readonly string[]): number {
  const [legend] = legendBelow(look, labels, {})

  return legend == null ? 0 : Math.ceil(labels.length / Number(legend.columns)) * 18 + 20
}

/** Names of rows on the left and, where there are some, words on the right; rows go by number. */
export function rows (look: Look, left: readonly string[], right?: { title: string, words: readonly string[] }): { scale: Spec, axes: Spec[], signals: Spec[] } {
  const palette = paletteOf(look)
  const axis = (labels: string): Spec => ({
    scale: 'row',
    domain: false,
    ticks: false,
    labelPadding: 8,
    // half of a row apart is apart enough
    labelSeparation: 0,
    encode: { labels: { update: { text: { signal: `${labels}[datum.value]` }, fill: { value: palette.text } } } }
  })

  return {
    scale: { name: 'row', type: 'band', domain: left.map((_, at) => at), range: 'height', paddingInner: left.length > 30 ? 0.15 : 0.3, paddingOuter: 0.1 },
    axes: [
      { ...axis('left'), orient: 'left' },
      ...right == null ? [] : [{ ...axis('right'), orient: 'right', title: right.title, titleAngle: 0, titleAlign: 'left', titleAnchor: 'start', titleX: 8, titleY: -9, titleBaseline: 'bottom', titleColor: palette.muted, titleFontSize: SIZES.label }]
    ],
    signals: [{ name: 'left', value: left }, ...right == null ? [] : [{ name: 'right', value: right.words }]]
  }
}

/** Rows of every second name, so that the eye keeps to its line. */
export function stripes (look: Look, names: readonly string[]): { data: Spec, mark: Spec } {
  let groups = 0

  return {
    data: {
      name: 'stripes',
      values: names.flatMap((name, row) => {
        groups += name === names[row - 1] ? 0 : 1

        return groups % 2 === 1 ? [{ row }] : []
      })
    },
    mark: {
      type: 'rect',
      from: { data: 'stripes' },
      encode: { enter: { x: { value: 0 }, x2: { signal: 'width' }, y: { signal: "scale('row', datum.row) - (scale('row', 1) - scale('row', 0) || bandwidth('row')) * 0.5 + bandwidth('row') * 0.5" }, height: { signal: "scale('row', 1) - scale('row', 0) || bandwidth('row')" }, fill: { value: paletteOf(look).text }, fillOpacity: { value: 0.045 } } }
    }
  }
}

/** Height of a chart of rows. */
export function rowsHeight (count: number): number {
  return count * Math.max(19, Math.min(34, 900 / Math.max(1, count)))
}

/** Of a name in front of a row. */
export function labelRoom (look: Look): number {
  return Math.max(60, Math.min(260, look.width * 0.26))
}
