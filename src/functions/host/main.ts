import { readFileSync, writeSync } from 'node:fs'
import { decode, encode } from '../encoding.ts'
import { ANSWER, ANSWER_FD, LAYOUT } from '../layout.ts'
import { formatBytes } from '../../model/units.ts'

/**
 * Calls the function once: the only program of ours that runs inside the box,
 * as `node meshmark-host.mjs NAME MOST ARGUMENTS`. NAME is the function's, MOST
 * how many bytes its result may have, ARGUMENTS their encoded list or the path
 * of a file with it.
 *
 * Exit 0 with a result, 1 with what was thrown or a refusal, and whatever else
 * the function ends the process with.
 */
const [name = '', most = '', given = ''] = process.argv.slice(2)

async function answer (): Promise<{ kind: keyof typeof ANSWER, text: string }> {
  let result: unknown

  try {
    const { default: fn } = await import(new URL(LAYOUT.fn, import.meta.url).href) as { default: (...args: unknown[]) => unknown }

    result = await fn(...decode(given.startsWith('[') ? given : readFileSync(given, 'utf8')) as unknown[])
  } catch (err) {
    return { kind: 'thrown', text: encodeThrown(err) }
  }

  try {
    const text = encode(result, `the result of ${name}`)
    const bytes = Buffer.byteLength(text)

    return bytes <= Number(most)
      ? { kind: 'returned', text }
      : refused(`the result of ${name} has ${formatBytes(bytes)} encoded, and ${formatBytes(Number(most))} are allowed: raise resultLimit, or return less`)
  } catch (err) {
    return refused((err as Error).message)
  }
}

function refused (text: string): { kind: 'refused', text: string } {
  return { kind: 'refused', text }
}

function encodeThrown (thrown: unknown): string {
  if (thrown instanceof Error) {
    trimStack(thrown)
  }

  try {
    const text = encode(thrown, 'what it threw')

    if (Buffer.byteLength(text) <= Number(most)) {
      return text
    }
  } catch {}

  // what was thrown is told in any case
  const error = new Error(thrown instanceof Error ? thrown.message : `${name} threw what cannot be sent`)

  error.name = thrown instanceof Error ? thrown.name : 'Error'
  error.stack = thrown instanceof Error ? thrown.stack : undefined

  return encode(error, 'the error')
}

/** Who called the function is nobody's business. */
function trimStack (error: Error): void {
  try {
    const lines = error.stack?.split('\n') ?? []
    const own = lines.findIndex(line => line.includes(LAYOUT.host))

    if (own > 0) {
      error.stack = lines.slice(0, own).join('\n')
    }
  } catch {}
}

/** All of it, however often it takes: the process ends right afterwards. */
function write (text: string): void {
  for (let bytes = Buffer.from(text); bytes.byteLength > 0;) {
    bytes = bytes.subarray(writeSync(ANSWER_FD, bytes))
  }
}

const { kind, text } = await answer()

write(ANSWER[kind])
write(text)
// timers and servers that the function left do not keep it alive
process.exit(kind === 'returned' ? 0 : 1)
