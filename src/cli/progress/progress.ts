import type { SubmitReply } from '../../node/protocol/submit/messages.ts'
import type { Context, Output } from '../common/context.ts'
import { movingLines } from './moving-lines.ts'
import { advance, progressLines, startProgress, summary, type ProgressState } from './progress-state.ts'

/** A log wants few lines: one when something changed, and now and then one that nothing did. */
const LOG_MS = 2_000
const LOG_UNCHANGED_MS = 15_000

/** Shows a job on its way, on stderr: moving lines on a terminal, occasional ones elsewhere. */
export interface Progress {
  take: (event: SubmitReply) => void
  /** One line above all others, for as long as no event has come. */
  say: (text: string) => void
  /** A line that stays. */
  note: (text: string) => void
  /** Removes what moves; call it before anything else is written. */
  stop: () => void
}

export function showProgress (context: Context): Progress {
  if (context.quiet) {
    return { take: () => {}, say: () => {}, note: () => {}, stop: () => {} }
  }

  return context.stderr.isTTY === true ? movingProgress(context.stderr) : loggedProgress(context.stderr)
}

function movingProgress (stream: Output): Progress {
  const startedAt = Date.now()
  let state: ProgressState | undefined
  const lines = movingLines(stream, () => state == null ? undefined : progressLines(state, Date.now() - startedAt))

  return {
    ...lines,
    take: event => {
      state ??= startProgress('')
      advance(state, event)
    }
  }
}

function loggedProgress (stream: Output): Progress {
  const startedAt = Date.now()
  let state: ProgressState | undefined
  let text = ''
  let written = ''
  let writtenAt = startedAt

  const timer = setInterval(() => {
    const line = state == null ? text : summary(state)

    if (line !== '' && (line !== written || Date.now() - writtenAt >= LOG_UNCHANGED_MS)) {
      stream.write(`${line}\n`)
      written = line
      writtenAt = Date.now()
    }
  }, LOG_MS).unref()

  return {
    take: event => {
      state ??= startProgress('')
      advance(state, event)
    },
    say: line => { text = line },
    note: line => { stream.write(`${line}\n`) },
    stop: () => { clearInterval(timer) }
  }
}
