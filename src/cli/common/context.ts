import type { Readable, Writable } from 'node:stream'

/** Where results and notes go, and what that place can show. */
export interface Output extends Writable {
  isTTY?: boolean
  columns?: number
  rows?: number
}

/** What a command is given of the process it runs in; tests give another. */
export interface Context {
  env: NodeJS.ProcessEnv
  stdin: Readable & { isTTY?: boolean }
  /** Results. */
  stdout: Output
  /** Progress and notes. */
  stderr: Output
  /** Where SIGINT and its like arrive. */
  signals: NodeJS.EventEmitter
  /** No progress and no notes; errors still. */
  quiet: boolean
  /** What the process exits with. */
  exitCode: number
}

export function processContext (): Context {
  return { env: process.env, stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, signals: process, quiet: false, exitCode: 0 }
}

/** Colour is for a terminal whose user has not declined it: https://no-color.org */
export function hasColour (context: Context, stream: Output): boolean {
  return stream.isTTY === true && (context.env.NO_COLOR ?? '') === '' && context.env.TERM !== 'dumb'
}

/** A line for people that is no result. */
export function note (context: Context, text: string): void {
  if (!context.quiet) {
    context.stderr.write(`${text}\n`)
  }
}
