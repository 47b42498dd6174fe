const collator = new Intl.Collator('en', { numeric: true })

/** A title becomes a button that sorts; a third click brings back the order of the report. */
export function setUpSorting (): void {
  for (const table of document.querySelectorAll('table')) {
    const body = table.tBodies[0]
    const heads = table.tHead?.rows[0]?.cells

    if (body == null || heads == null || body.rows.length < 2) {
      continue
    }

    const original = [...body.rows]

    for (const head of heads) {
      const button = document.createElement('button')

      button.type = 'button'
      button.textContent = head.textContent
      head.replaceChildren(button)
      button.addEventListener('click', () => {
        const next = { none: 'ascending', ascending: 'descending', descending: 'none' }[head.ariaSort ?? 'none'] ?? 'ascending'

        for (const other of heads) {
          other.removeAttribute('aria-sort')
        }

        if (next !== 'none') {
          head.setAttribute('aria-sort', next)
        }

        body.append(...(next === 'none' ? original : [...original].sort((a, b) => compare(a.cells[head.cellIndex], b.cells[head.cellIndex], next === 'descending' ? -1 : 1))))
      })
    }
  }
}

/** What has no value, such as a row that failed, stays at the end both ways. */
function compare (a: HTMLTableCellElement | undefined, b: HTMLTableCellElement | undefined, direction: number): number {
  const [x, y] = [valueOf(a), valueOf(b)]

  if (x == null || y == null) {
    return Number(x == null) - Number(y == null)
  }

  return direction * (typeof x === 'number' && typeof y === 'number' ? x - y : collator.compare(String(x), String(y)))
}

function valueOf (cell: HTMLTableCellElement | undefined): number | string | undefined {
  const value = cell?.dataset.n

  return value != null ? Number(value) : cell == null || cell.colSpan > 1 || cell.textContent === '–' ? undefined : cell.textContent ?? ''
}
