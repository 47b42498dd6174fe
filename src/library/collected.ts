import { type CollectedEntry, listCollected, readCollected } from '../roles/client/collected-list.ts'
import type { SignalOptions } from './job.ts'
import type { Client } from '../roles/client/types.ts'

/** A file that a task has brought back. */
export interface CollectedFile extends Omit<CollectedEntry, 'record' | 'offset'> {
  /** Its content, piece by piece as it comes, verified. */
  read: (options?: SignalOptions) => AsyncGenerator<Uint8Array, void, undefined>
  /** All of it at once. */
  bytes: (options?: SignalOptions) => Promise<Buffer>
}

export interface CollectedFiles {
  files: CollectedFile[]
  /** What fits the patterns and was left out, in words. */
  skipped: Array<{ worker: string, peerId: string, task: string, reasons: string[] }>
  /** Tasks that may still bring something back. */
  open: number
}

export async function collectedFiles (client: () => Client, job: string, { signal }: SignalOptions): Promise<CollectedFiles> {
  const { entries, skipped, open } = await listCollected(client(), job, { signal })

  return {
    files: [...entries()].map(entry => {
      const { record, offset, ...shown } = entry
      const read: CollectedFile['read'] = ({ signal } = {}) => readCollected(client(), entry, { signal })

      return {
        ...shown,
        read,
        bytes: async options => {
          const pieces: Uint8Array[] = []

          for await (const piece of read(options)) {
            pieces.push(piece)
          }

          return Buffer.concat(pieces)
        }
      }
    }),
    skipped,
    open
  }
}
