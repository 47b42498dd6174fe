import { resolve } from 'node:path'
import { dataFolder } from './options.ts'

/**
 * `--data DIR` is what MESHMARK_DATA says to every part that keeps something
 * on disk, in this process and in those it starts. Data sets are passed over.
 */
export function useDataDirectory (data: string | string[] | undefined): void {
  const dir = dataFolder(data)

  if (dir != null) {
    process.env.MESHMARK_DATA = resolve(dir)
  }
}
