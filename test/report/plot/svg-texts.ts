import { measureText } from '../../../src/report/plot/fonts.ts'

/** A text of a picture and the room it takes, by the real widths of its font. Pixels. */
export interface TextBox {
  text: string
  left: number
  right: number
  top: number
  bottom: number
  fill: string
}

/** Above and below the base line, of the size; what has neither an accent nor a tail takes less. */
const ASCENT = 0.76
const DESCENT = 0.2

interface Place { x: number, y: number, turned: number }

/** Every line of text of an SVG as the renderer writes it: groups that are moved, texts that are moved and turned, lines one below the other. */
export function textsOf (svg: string): TextBox[] {
  const boxes: TextBox[] = []
  const places: Place[] = [{ x: 0, y: 0, turned: 0 }]
  let ofText = ''

  for (const [, closing, name = '', attributes = '', selfClosing, content = ''] of svg.matchAll(/<(\/?)(\w+)([^>]*?)(\/?)>([^<]*)/g)) {
    if (closing === '/') {
      places.pop()
      continue
    }

    const place = moved(places.at(-1)!, /transform="([^"]*)"/.exec(attributes)?.[1] ?? '')

    if (selfClosing !== '/') {
      places.push(place)
    }

    ofText = name === 'text' ? attributes : ofText

    if (name === 'tspan') {
      // of the text around it: the lines after it begin further below
      places.at(-2)!.y += Number(/dy="([^"]*)"/.exec(attributes)?.[1] ?? 0)
      places.at(-1)!.y = places.at(-2)!.y
    }

    // labels for which there is no room stay in it and are not seen
    if ((name === 'text' || name === 'tspan') && !/ opacity="0"/.test(ofText) && content.trim() !== '') {
      boxes.push(boxOf(unescaped(content), ofText, places.at(-1)!))
    }
  }

  return boxes
}

function boxOf (text: string, attributes: string, { x, y, turned }: Place): TextBox {
  const attribute = (name: string): string | undefined => new RegExp(`${name}="([^"]*)"`).exec(attributes)?.[1]
  const size = Number.parseFloat(attribute('font-size') ?? '11')
  const width = measureText(text, size, attribute('font-weight') === 'bold')
  const from = { start: 0, middle: -width / 2, end: -width }[attribute('text-anchor') ?? 'start'] ?? 0
  const corners = [[from, -ASCENT * size], [from + width, -ASCENT * size], [from, DESCENT * size], [from + width, DESCENT * size]].map(([dx = 0, dy = 0]) => ({
    x: x + dx * Math.cos(turned) - dy * Math.sin(turned),
    y: y + dx * Math.sin(turned) + dy * Math.cos(turned)
  }))

  return {
    text,
    left: Math.min(...corners.map(({ x }) => x)),
    right: Math.max(...corners.map(({ x }) => x)),
    top: Math.min(...corners.map(({ y }) => y)),
    bottom: Math.max(...corners.map(({ y }) => y)),
    fill: attribute('fill') ?? '#000'
  }
}

function moved (place: Place, transform: string): Place {
  const [, dx = '0', dy = '0'] = /translate\(([-\d.e]+)[, ]\s*([-\d.e]+)\)/.exec(transform) ?? []
  const [, angle = '0'] = /rotate\(([-\d.e]+)/.exec(transform) ?? []

  return {
    x: place.x + Number(dx) * Math.cos(place.turned) - Number(dy) * Math.sin(place.turned),
    y: place.y + Number(dx) * Math.sin(place.turned) + Number(dy) * Math.cos(place.turned),
    turned: place.turned + Number(angle) * Math.PI / 180
  }
}

function unescaped (text: string): string {
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => ({ amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" })[name] ?? '')
}

/** WCAG 2.2: from 1 to 21. */
export function contrast (a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((one, other) => one - other)

  return (light! + 0.05) / (dark! + 0.05)
}

function luminance (colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map(at => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255

    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  })

  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
