import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { Action } from '../parts/action.tsx'
import { Failure, Loading } from '../parts/notice.tsx'
import { zonedInstant } from '../text/times.ts'
import { save } from '../parts/save.ts'
import { Scroll } from '../parts/scroll.tsx'
import { measureInBrowser, onLookChange, palettes } from './look.ts'
import { waitToDraw } from '../state/pace.ts'
import type { ComponentChildren } from 'preact'
import type { Look, Spec } from '../../report/plot/look.ts'
import type { Datum, Drawn } from './engine.ts'
import type * as Engine from './engine.ts'

/** The same data as rows. */
export interface ChartTable {
  columns: ReadonlyArray<{ title: string, align?: 'right' }>
  /** As many cells as columns; the first one names the row. */
  rows: ReadonlyArray<readonly ComponentChildren[]>
}

interface ChartProps {
  /** What it shows, in a few words: its name for those who do not see it. */
  label: string
  /** What it says, in one sentence, for those too. */
  summary?: string
  /** Of files that are saved, without an ending. */
  fileName: string
  /** What is drawn: another value, another chart. */
  data: unknown
  build: (engine: typeof Engine, look: Look) => Spec
  table: (engine: typeof Engine) => ChartTable
  /** What is said of the mark under the pointer. */
  tip?: (datum: Datum) => string | undefined
}

/** A few times a second is as much as an eye follows. */
const PAUSE_MS = 400
const PAUSE_REDUCED_MS = 2_000

/** Below this a chart scrolls. */
const MIN_WIDTH = 320

/** A chart, which can be a table instead; drawn anew when its data, its room or the colours of the page change. */
export function Chart ({ label, summary, fileName, data, build, table, tip }: ChartProps) {
  const [isTable, setTable] = useState(false)
  const [drawn, setDrawn] = useState<Drawn>()
  const [engine, setEngine] = useState<typeof Engine>()
  const [error, setError] = useState<string>()
  const [attempt, setAttempt] = useState(0)
  const id = useId()

  useEffect(() => {
    setError(undefined)
    loadEngine().then(setEngine, err => { setError(err.message) })
  }, [attempt])

  return (
    <figure class='chart' aria-label={label}>
      <div class='chart-tools'>
        <button type='button' class='quiet' aria-expanded={isTable} aria-controls={id} onClick={() => { setTable(!isTable) }}>{isTable ? 'As a chart' : 'As a table'}</button>
        {isTable || drawn == null
          ? null
          : (
            <>
              <Action kind='quiet' label='Save SVG' busyLabel='Saving…' act={async () => { save(new Blob([await drawn.svg()], { type: 'image/svg+xml' }), `${fileName}.svg`) }} />
              <Action kind='quiet' label='Save PNG' busyLabel='Saving…' act={async () => { save(await drawn.png(), `${fileName}.png`) }} />
            </>
            )}
      </div>
      <div id={id}>
        {error != null
          ? <Failure title='The chart cannot be drawn' detail={error} onRetry={() => { setAttempt(attempt + 1) }} />
          : engine == null
            ? <div class='chart-frame'><Loading what='the chart' /></div>
            : isTable
              ? <PlainTable label={label} table={table(engine)} />
              : <Picture engine={engine} label={summary == null ? label : `${label}. ${summary}`} data={data} build={build} tip={tip} onDrawn={setDrawn} />}
      </div>
    </figure>
  )
}

interface PictureProps extends Pick<ChartProps, 'label' | 'data' | 'build' | 'tip'> {
  engine: typeof Engine
  onDrawn: (drawn: Drawn | undefined) => void
}

function Picture ({ engine, label, data, build, tip, onDrawn }: PictureProps) {
  const frame = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLDivElement>(null)
  const [phase, setPhase] = useState<'loading' | 'drawn'>('loading')
  const [error, setError] = useState<string>()
  const [point, setPoint] = useState<{ text: string, x: number, y: number }>()
  // the latest of them, for what is called later
  const latest = useRef({ build, tip })
  const redraw = useRef(() => {})

  latest.current = { build, tip }

  useEffect(() => {
    const element = canvas.current!
    let drawn: Drawn | undefined
    let drawnMs: number | undefined
    let timer: ReturnType<typeof setTimeout> | undefined
    let width = 0
    let isBusy = false
    let isWanted = false
    let isOver = false

    const draw = async (): Promise<void> => {
      const look: Look = { ...palettes(), width: Math.max(MIN_WIDTH, Math.floor(width)), measure: measureInBrowser, clock: zonedInstant }
      const spec = latest.current.build(engine, look)
      const next = document.createElement('div')
      const made = await engine.drawInto(next, spec, (datum, x, y) => {
        const text = datum == null ? undefined : latest.current.tip?.(datum)

        setPoint(text == null ? undefined : { text, x, y })
      })

      if (isOver) {
        made.end()

        return
      }

      // in place of the one before, so that nothing flickers
      element.replaceChildren(next)
      drawn?.end()
      drawn = made
      setPoint(undefined)
      setPhase('drawn')
      setError(undefined)
      onDrawn(made)
    }

    const begin = (): void => {
      timer = undefined
      isBusy = true
      isWanted = false
      draw().catch(err => { setError(err instanceof Error ? err.message : String(err)) }).finally(() => {
        isBusy = false
        drawnMs = performance.now()

        if (isWanted) {
          ask()
        }
      })
    }

    const ask = (): void => {
      isWanted = true

      if (!isBusy && !isOver && timer == null && width > 0) {
        const pauseMs = matchMedia('(prefers-reduced-motion: reduce)').matches ? PAUSE_REDUCED_MS : PAUSE_MS

        timer = setTimeout(begin, waitToDraw(performance.now(), drawnMs, pauseMs))
      }
    }

    const observer = new ResizeObserver(() => {
      const clientWidth = frame.current?.clientWidth ?? 0

      if (clientWidth > 0 && clientWidth !== width) {
        width = clientWidth
        ask()
      }
    })
    const stop = onLookChange(ask)

    redraw.current = ask
    observer.observe(frame.current!)

    return () => {
      isOver = true
      clearTimeout(timer)
      observer.disconnect()
      stop()
      drawn?.end()
      onDrawn(undefined)
    }
  }, [])

  useEffect(() => { redraw.current() }, [data])

  return (
    <div class='chart-frame' ref={frame}>
      {error == null ? null : <Failure title='The chart cannot be drawn' detail={error} onRetry={() => { setError(undefined); redraw.current() }} />}
      {phase === 'loading' && error == null ? <Loading what='the chart' /> : null}
      <div class='chart-canvas' role='img' aria-label={label} hidden={phase === 'loading' || error != null}>
        <div ref={canvas} />
      </div>
      {point == null ? null : <div class='chart-tip' style={{ left: `${point.x}px`, top: `${point.y}px` }}>{point.text}</div>}
    </div>
  )
}

function PlainTable ({ label, table: { columns, rows } }: { label: string, table: ChartTable }) {
  return (
    <Scroll label={label} class='scroll chart-table'>
      <table class='plain'>
        <thead><tr>{columns.map(({ title, align }) => <th key={title} scope='col' class={align}>{title}</th>)}</tr></thead>
        <tbody>
          {rows.map((cells, row) => (
            <tr key={row}>{cells.map((cell, at) => at === 0 ? <th key={at} scope='row'>{cell}</th> : <td key={at} class={columns[at]?.align}>{cell}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  )
}

let engine: Promise<typeof Engine> | undefined

/** Once for the page; what failed to load is tried again. */
async function loadEngine (): Promise<typeof Engine> {
  engine ??= import('./engine.ts').catch(() => {
    engine = undefined
    throw new Error('the part of the page that draws charts did not load: look at the connection, or load the page again')
  })

  return engine
}
