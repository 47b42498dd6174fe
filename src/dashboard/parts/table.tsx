import type { ComponentChildren, RefObject } from 'preact'
import { useImperativeHandle, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { rowOfKey } from '../state/row-keys.ts'
import { placesOf, toDraw, windowOf, type Window } from '../state/window.ts'

export interface Column<T> {
  title: string
  /** Numbers stand right. */
  align?: 'right'
  /** 1 is left out first when there is little room, 2 then; absent = always there. */
  drop?: 1 | 2
  cell: (row: T) => ComponentChildren
}

export interface TableHandle {
  /** Brings the keyboard to a row, where it is there. */
  focusRow: (key: string) => void
}

interface TableProps<T> {
  label: string
  /** Names the widths of the columns in the style sheet. */
  name: string
  columns: ReadonlyArray<Column<T>>
  rows: readonly T[]
  keyOf: (row: T) => string
  /** A row that is one line across, such as a heading of a group; undefined for the others. */
  lineOf?: (row: T) => ComponentChildren
  isChosen?: (row: T) => boolean
  refer?: RefObject<TableHandle | null>
}

const NOBODY: RefObject<TableHandle | null> = { current: null }

/** Pixels; in the style sheet it is --row. */
const ROW = 34
const HEAD = 32

/**
 * A table of any length: only the rows that are seen are drawn.
 *
 * The keyboard stops at it once, moves in it row by row, and Enter does what
 * the link or button of the row does; these have a tabIndex of -1. The row that
 * has the keyboard is drawn wherever it is, so that it is not lost by scrolling
 * or by what is new above it.
 */
export function Table<T> ({ label, name, columns, rows, keyOf, lineOf, isChosen, refer }: TableProps<T>) {
  const scroller = useRef<HTMLDivElement>(null)
  const places = useRef<ReadonlyMap<string, number>>(new Map())
  const view = useDrawn(scroller)
  const [active, setActive] = useState<string>()
  const [, draw] = useState({})
  const isWanted = useRef(false)
  const lastAt = useRef(0)

  const first = Math.min(view.first, rows.length)
  const end = Math.min(view.end, rows.length)
  // before anything of it is drawn anew
  const hasFocus = scroller.current?.contains(document.activeElement) === true
  const found = active == null ? -1 : rows.findIndex(row => keyOf(row) === active)
  // of a row that is gone, the one in its place
  const at = found >= 0 || !hasFocus ? found : Math.min(lastAt.current, rows.length - 1)
  const isKept = at >= 0 && (hasFocus || isWanted.current)
  const stop = at >= first && at < end ? at : isKept ? at : first
  const above = isKept && at < first
  const below = isKept && at >= end
  const drawn = [...above ? [at] : [], ...Array.from({ length: end - first }, (_, index) => first + index), ...below ? [at] : []]

  places.current = placesOf(places.current, drawn.map(index => keyOf(rows[index]!)))

  const rowAt = (index: number): HTMLElement | null | undefined => scroller.current?.querySelector<HTMLElement>(`.row[aria-rowindex="${index + 2}"]`)

  const go = (index: number): void => {
    isWanted.current = true
    setActive(keyOf(rows[index]!))
    // the same one as before is drawn too
    draw({})
  }

  useImperativeHandle(refer ?? NOBODY, () => ({
    focusRow: (key: string) => {
      const index = rows.findIndex(row => keyOf(row) === key)

      if (index >= 0) {
        go(index)
      }
    }
  }))

  useLayoutEffect(() => {
    const row = at < 0 ? undefined : rowAt(at)

    if (row == null) {
      return
    }

    lastAt.current = at

    if (found < 0) {
      setActive(keyOf(rows[at]!))
    }

    if (isWanted.current) {
      isWanted.current = false
      reveal(scroller.current!, at)

      // used again for another row, it would have the keyboard, and nobody would be told
      if (document.activeElement === row) {
        row.blur()
      }

      row.focus({ preventScroll: true })
    } else if (hasFocus && !row.contains(document.activeElement)) {
      row.focus({ preventScroll: true })
    }
  })

  const onFocusIn = ({ target }: FocusEvent): void => {
    const index = Number((target as Element).closest('.row')?.getAttribute('aria-rowindex')) - 2

    if (index >= 0 && index < rows.length) {
      setActive(keyOf(rows[index]!))
    }
  }

  const onKeyDown = (event: KeyboardEvent): void => {
    const { key, target } = event
    const page = Math.max(1, Math.floor((scroller.current!.clientHeight - HEAD) / ROW) - 1)
    const to = event.altKey || event.ctrlKey || event.metaKey ? undefined : rowOfKey(key, stop, rows.length, page)

    if (to != null) {
      event.preventDefault()
      go(to)
    } else if (key === 'Enter' && (target as Element).matches('.row')) {
      event.preventDefault();
      (target as Element).querySelector<HTMLElement>('a, button')?.click()
    }
  }

  const rowOf = (index: number): ComponentChildren => {
    const row = rows[index]!
    const line = lineOf?.(row)
    const chosen = isChosen?.(row)

    return (
      <div key={places.current.get(keyOf(row))} class={`row${line == null ? '' : ' row-line'}${chosen === true ? ' row-chosen' : ''}`} role='row' aria-rowindex={index + 2} aria-selected={line == null ? chosen : undefined} tabIndex={index === stop ? 0 : -1}>
        {line != null
          ? <span class='cell' role='gridcell'>{line}</span>
          : columns.map(column => <span key={column.title} class={cellClass(column)} role='gridcell'>{column.cell(row)}</span>)}
      </div>
    )
  }

  return (
    <div class={`table table-${name}`} role='grid' aria-label={label} aria-rowcount={rows.length + 1} ref={scroller} onFocusIn={onFocusIn} onKeyDown={onKeyDown}>
      <div class='row row-head' role='row' aria-rowindex={1}>
        {columns.map(column => <span key={column.title} class={cellClass(column)} role='columnheader'>{column.title}</span>)}
      </div>
      <div class='table-rows' role='rowgroup' style={{ height: `${rows.length * ROW}px` }}>
        <div class='table-window' role='presentation' style={{ transform: `translateY(${(above ? at : first) * ROW}px)` }}>
          {drawn.flatMap(index => index !== at || !(above || below)
            ? [rowOf(index)]
            : above ? [rowOf(at), <Gap key='gap' rows={first - at - 1} />] : [<Gap key='gap' rows={at - end} />, rowOf(at)])}
        </div>
      </div>
    </div>
  )
}

/** Rows that are not drawn. */
function Gap ({ rows }: { rows: number }) {
  return <div role='presentation' style={{ height: `${rows * ROW}px` }} />
}

/** Below the head, which stays where it is. */
function reveal (scroller: HTMLElement, at: number): void {
  const top = at * ROW
  const height = scroller.clientHeight - HEAD

  scroller.scrollTop = Math.max(top + ROW - height, Math.min(top, scroller.scrollTop))
}

/** Which rows are drawn, as what holds them is scrolled and changes its size. */
function useDrawn (scroller: RefObject<HTMLElement | null>): Window {
  const [drawn, setDrawn] = useState(() => windowOf(ROW, 0, 800))

  useLayoutEffect(() => {
    const element = scroller.current!
    let known = { ...drawn, atMs: -Infinity }
    let waiting: ReturnType<typeof setTimeout> | undefined

    const look = (): void => {
      const next = toDraw(known, windowOf(ROW, element.scrollTop, element.clientHeight), performance.now())

      clearTimeout(waiting)

      if (next == null) {
        return
      }

      if (next.waitMs === 0) {
        known = { ...next.window, atMs: performance.now() }
        setDrawn(next.window)
      }

      // what is drawn in haste has no rows beyond its edges
      waiting = setTimeout(look, next.waitMs)
    }
    const observer = new ResizeObserver(look)

    observer.observe(element)
    element.addEventListener('scroll', look, { passive: true })
    look()

    return () => {
      clearTimeout(waiting)
      observer.disconnect()
      element.removeEventListener('scroll', look)
    }
  }, [])

  return drawn
}

function cellClass<T> ({ align, drop }: Column<T>): string {
  return `cell${align === 'right' ? ' cell-right' : ''}${drop == null ? '' : ` cell-drop-${drop}`}`
}
