import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { MeshmarkError } from '../../model/errors.ts'
import type { Context } from '../common/context.ts'

/**
 * Standard input in a file for as long as `use` needs it: its digest must be
 * known before the job has an id, and it may be larger than memory.
 */
export async function withSpooledStdin<T> (context: Context, use: (file: string) => Promise<T>): Promise<T> {
  if (context.stdin.isTTY === true) {
    throw new MeshmarkError('usage', '--stdin - reads this terminal: redirect a file or a pipe into it, or name a file')
  }

  const folder = await mkdtemp(join(tmpdir(), 'meshmark-stdin-'))

  try {
    const file = join(folder, 'stdin')

    await pipeline(context.stdin, createWriteStream(file, { mode: 0o600 }))

    return await use(file)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
