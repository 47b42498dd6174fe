import { resolve } from 'node:path'

/**
 * `--data DIR` is what MESHMARK_DATA says to every part that keeps something
 * on disk, in this process and in those it starts.
 */
export function useDataDirectory (dir: string | undefined): void {
  if (dir != null) {
    process.env.MESHMARK_DATA = resolve(dir)
  }
}
