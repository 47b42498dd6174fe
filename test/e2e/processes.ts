import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

/** Process ids whose command line holds this text. */
export async function processesWith (text: string): Promise<number[]> {
  const found: number[] = []

  for (const name of await readdir('/proc')) {
    if (/^\d+$/.test(name) && Number(name) !== process.pid) {
      const words = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')

      // the box's own programs only: a client that was given the same words is none of them
      if (words.includes(text) && !words.includes('main.js')) {
        found.push(Number(name))
      }
    }
  }

  return found
}

/** Looks until it is so; /proc cannot be waited for otherwise. Rejects after half a minute, with what was seen last where that can be told. */
export async function eventually (what: string, look: () => Promise<boolean>, seen = (): string => ''): Promise<void> {
  for (const deadline = performance.now() + 30_000; performance.now() < deadline;) {
    if (await look()) {
      return
    }

    await delay(50)
  }

  throw new Error(`not within 30 s: ${what}${seen()}`)
}
