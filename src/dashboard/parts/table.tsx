import type { ComponentChildren, RefObject } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { placesOf, toDraw, windowOf, type Window } from '../state/window.ts'

export interface Column<T> {
  title: string
  /** Numbers stand right. */
  align?: 'right'
  /** 1 is left out first when there is little room, 2 then; absent = always there. */
  drop?: 1 | 2
  cell: (row: T) => ComponentChildren
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
}

/** Pixels; in the style sheet it is --row. */
const ROW = 34

/** A table of any length: only the rows that are seen are drawn. */
export function Table<T> ({ label, name, columns, rows, keyOf, lineOf, isChosen }: TableProps<T>) {
  const scroller = useRef<HTMLDivElement>(null)
  const places = useRef<ReadonlyMap<string, number>>(new Map())
  const view = useDrawn(scroller)
  const first = Math.min(view.first, rows.length)
  const shown = rows.slice(first, view.end)

  places.current = placesOf(places.current, shown.map(keyOf))

  return (
    <div class={`table table-${name}`} role='table' aria-label={label} aria-rowcount={rows.length + 1} ref={scroller} tabIndex={0}>
      <div class='row row-head' role='row' aria-rowindex={1}>
        {columns.map(column => <span key={column.title} class={cellClass(column)} role='columnheader'>{column.title}</span>)}
      </div>
      <div class='table-rows' role='rowgroup' style={{ height: `${rows.length * ROW}px` }}>
        <div class='table-window' role='presentation' style={{ transform: `translateY(${first * ROW}px)` }}>
          {shown.map((row, index) => {
            const line = lineOf?.(row)

            return (
              <div key={places.current.get(keyOf(row))} class={`row${line == null ? '' : ' row-line'}${isChosen?.(row) === true ? ' row-chosen' : ''}`} role='row' aria-rowindex={first + index + 2}>
                {line != null
                  ? <span class='cell' role='cell'>{line}</span>
                  : columns.map(column => <span key={column.title} class={cellClass(column)} role='cell'>{column.cell(row)}</span>)}
              </div>
            )
          })}
        </div>
      </div>
    </div>
  )
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
