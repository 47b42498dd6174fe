const UNITS: Record<string, number> = { s: 1e9, ms: 1e6, µs: 1e3 }

/** Which value of a row is pointed at, or has been reached with the arrow keys. */
export function setUpTips (): void {
  const tip = document.querySelector<HTMLElement>('#tip')

  for (const plot of document.querySelectorAll<SVGSVGElement>('.plot[data-v]')) {
    const chart = plot.closest<HTMLElement>('.chart')

    if (tip != null && chart != null) {
      setUpRow(plot, new Row(plot, chart), tip)
    }
  }
}

function setUpRow (plot: SVGSVGElement, row: Row, tip: HTMLElement): void {
  let at = -1
  const show = (index: number): void => {
    at = index
    row.mark(index)

    const box = plot.getBoundingClientRect()
    const [x, y] = row.positionOf(index)

    tip.textContent = row.textOf(index)
    tip.hidden = false
    tip.style.left = `${Math.max(4, Math.min(innerWidth - tip.offsetWidth - 4, box.left + x * box.width - tip.offsetWidth / 2))}px`
    tip.style.top = `${box.top + y * box.height - tip.offsetHeight - 12 < 4 ? box.top + y * box.height + 14 : box.top + y * box.height - tip.offsetHeight - 12}px`
  }
  const hide = (): void => {
    row.unmark()
    tip.hidden = true
  }

  plot.tabIndex = 0
  plot.addEventListener('pointermove', event => {
    const box = plot.getBoundingClientRect()

    show(row.nearest((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, box.width / box.height))
  })
  plot.addEventListener('pointerleave', hide)
  plot.addEventListener('blur', hide)
  plot.addEventListener('keydown', event => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]

    if (step != null) {
      event.preventDefault()
      show(Math.min(row.count - 1, Math.max(0, at + step)))
    } else if (event.key === 'Escape') {
      hide()
    }
  })
}

/** The values of one row of a chart. */
class Row {
  readonly #plot: SVGSVGElement
  readonly #values: number[]
  readonly #labels: string[] | undefined
  readonly #places: number[]
  readonly #unit: string
  #mark: SVGElement | undefined

  constructor (plot: SVGSVGElement, { dataset }: HTMLElement) {
    const [low, high] = [Number(dataset.low), Number(dataset.high)]

    this.#plot = plot
    this.#values = (plot.dataset.v ?? '').split(' ').map(Number)
    this.#labels = plot.dataset.l == null ? undefined : JSON.parse(plot.dataset.l)
    this.#places = this.#values.map(value => dataset.log === '1' ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low))
    this.#unit = dataset.unit ?? 'ms'
  }

  get count (): number {
    return this.#values.length
  }

  /** From 0 to 1, as the dots are drawn. */
  positionOf (index: number): [x: number, y: number] {
    return [this.#places[index] ?? 0, this.count === 1 ? 0.5 : 0.14 + 0.72 * index / (this.count - 1)]
  }

  /** @param aspect - how many times wider than high the drawing is */
  nearest (x: number, y: number, aspect: number): number {
    let [best, distance] = [0, Infinity]

    for (let index = 0; index < this.count; index++) {
      const [px, py] = this.positionOf(index)
      const own = Math.hypot((px - x) * aspect, py - y)

      if (own < distance) {
        [best, distance] = [index, own]
      }
    }

    return best
  }

  textOf (index: number): string {
    const value = (this.#values[index] ?? 0) / (UNITS[this.#unit] ?? 1e6)

    return `${this.#labels?.[index] ?? `run ${index + 1} of ${this.count}`}: ${Number(value.toPrecision(6))} ${this.#unit}`
  }

  mark (index: number): void {
    const [x, y] = this.positionOf(index)

    this.#mark ??= this.#plot.appendChild(circle())
    this.#mark.setAttribute('cx', `${x * 100}%`)
    this.#mark.setAttribute('cy', `${y * 100}%`)
  }

  unmark (): void {
    this.#mark?.remove()
    this.#mark = undefined
  }
}

function circle (): SVGElement {
  const made = document.createElementNS('http://www.w3.org/2000/svg', 'circle')

  made.setAttribute('r', '5.5')
  made.setAttribute('class', 'chosen')

  return made
}
