import { basename, dirname, join } from 'node:path'

/** Stands for each worker's name in the name of a file. */
export const WORKER = '{worker}'

/** Leaves room for the rest of a file name, of which most file systems take 255 bytes. */
const MAX_BYTES = 100

interface Named {
  name: string
  peerId: string
}

/** Is there a file for each worker? */
export function isPerWorker (file: string): boolean {
  return basename(file).includes(WORKER)
}

/**
 * A file for each worker, in their order: its name in the place of `{worker}`,
 * as far as it is safe there. Names that would meet, on a file system that does
 * not tell small letters from capitals either, get the end of the worker's peer
 * id.
 */
export function workerFiles (file: string, workers: readonly Named[]): string[] {
  const safe = workers.map(({ name }) => safeName(name))
  const alone = (index: number): boolean => safe.filter(other => key(other) === key(safe[index] ?? '')).length === 1
  const taken = new Set(safe.filter((_, index) => alone(index)).map(key))

  return safe.map((name, index) => {
    const unique = alone(index) ? name : freeName(`${name}-${safeName(workers[index]?.peerId.slice(-8) ?? '')}`, taken)

    taken.add(key(unique))

    return join(dirname(file), basename(file).replaceAll(WORKER, () => unique))
  })
}

function freeName (name: string, taken: ReadonlySet<string>): string {
  let free = name

  for (let number = 2; taken.has(key(free)); number++) {
    free = `${name}-${number}`
  }

  return free
}

function key (name: string): string {
  return name.toLowerCase()
}

/**
 * Letters, digits, dots, dashes and underscores; neither hidden nor taken for
 * an option. `otherwise` where nothing of it is safe.
 */
export function safeName (name: string, otherwise = 'worker', maxBytes = MAX_BYTES): string {
  const chars = [...name.normalize('NFC').replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[.-]+|-+$/g, '')]

  while (Buffer.byteLength(chars.join('')) > maxBytes) {
    chars.pop()
  }

  return chars.length === 0 ? otherwise : chars.join('')
}
