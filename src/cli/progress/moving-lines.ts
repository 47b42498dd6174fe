import { cut } from '../../report/columns.ts'
import type { Output } from '../common/context.ts'

/** Often enough to look alive, seldom enough to cost the machine nothing that is being measured. */
const REDRAW_MS = 250

/** Lines at the foot of a terminal that are drawn again in their place, with what stays written above them. */
export interface MovingLines {
  /** One line, for as long as there are no others. */
  say: (text: string) => void
  /** A line that stays. */
  note: (text: string) => void
  /** Removes what moves; call it before anything else is written. */
  stop: () => void
}

/**
 * Draws `lines` four times a second until it is stopped. It is given the room there is, in columns and lines, and returns
 * undefined while nothing is known; of more lines the last ones are shown, because the last one sums up, and wider ones
 * are cut.
 */
export function movingLines (stream: Output, lines: (width: number, height: number) => readonly string[] | undefined): MovingLines {
  let said: string[] = []
  let drawn = 0
  let stopped = false

  const erase = (): string => drawn === 0 ? '' : `\x1b[${drawn}A\x1b[J`
  const draw = (): void => {
    if (stopped) {
      return
    }

    // What wraps, or does not fit above the last line, could not be erased. Some terminals do not tell their size and say 0.
    const [width, height] = [(stream.columns || 80) - 1, Math.max(1, (stream.rows || 24) - 1)]
    const shown = (lines(width, height) ?? said).slice(-height)

    stream.write(erase() + shown.map(line => `${cut(line, width)}\n`).join(''))
    drawn = shown.length
  }
  const timer = setInterval(draw, REDRAW_MS).unref()

  return {
    say: text => {
      said = text === '' ? [] : [text]
      draw()
    },
    note: line => {
      stream.write(`${erase()}${line}\n`)
      drawn = 0
      draw()
    },
    stop: () => {
      clearInterval(timer)

      if (!stopped) {
        stream.write(erase())
        drawn = 0
        stopped = true
      }
    }
  }
}
