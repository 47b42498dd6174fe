import { EventEmitter } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { onTestFinished } from 'vitest'
import { perform } from '../../src/cli/perform.ts'
import { readWords } from '../../src/cli/words.ts'
import type { Context, Output } from '../../src/cli/common/context.ts'

export interface TestContext extends Context {
  out: () => string
  err: () => string
}

/** A process of its own as far as a command can tell: nothing of the real environment gets in. */
export function testContext (options: { env?: NodeJS.ProcessEnv, stdin?: string, terminal?: boolean } = {}): TestContext {
  const stdin = new PassThrough()
  const [stdout, out] = memory(options.terminal === true)
  const [stderr, err] = memory(options.terminal === true)

  stdin.end(options.stdin ?? '')

  return { env: { XDG_CONFIG_HOME: '/nonexistent', ...options.env }, stdin, stdout, stderr, signals: new EventEmitter(), quiet: false, exitCode: 0, out, err }
}

function memory (isTTY: boolean): [Output, () => string] {
  const chunks: Buffer[] = []
  const stream: Output = new Writable({
    write (chunk, _, done) {
      chunks.push(Buffer.from(chunk))
      done()
    }
  })

  stream.isTTY = isTTY

  return [stream, () => Buffer.concat(chunks).toString()]
}

/** Types a command line. */
export async function type (argv: string[], options: Parameters<typeof testContext>[0] = {}): Promise<{ code: number, out: string, err: string }> {
  const context = testContext(options)
  const code = await perform(readWords(argv), context)

  return { code, out: context.out(), err: context.err() }
}

/** A folder that is gone after the test. */
export async function temporaryFolder (): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'meshmark-test-'))

  onTestFinished(async () => { await rm(folder, { recursive: true, force: true }) })

  return folder
}
