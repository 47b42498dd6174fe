import { DATA_FILE } from '../model/data.ts'
import { MeshmarkError } from '../model/errors.ts'
import { checkDataFiles, checkDataNames } from '../roles/client/draft/data-names.ts'
import { dataSetsOf } from '../roles/client/draft/data-sets.ts'
import type { DataSpec } from './options.ts'
import type { DraftDataSet, DraftFile } from '../roles/client/types.ts'

/** What a data set holds, wherever it comes from. */
export type GivenData = DraftFile['source'] | DraftFile[]

/** The data sets of a job, each looked at. Throws `usage`, `not-found` or `not-executable`. */
export async function dataOf (data: Readonly<Record<string, DataSpec>> = {}): Promise<DraftDataSet[]> {
  const sets: DraftDataSet[] = []

  checkDataNames(Object.keys(data))

  for (const [name, spec] of Object.entries(data)) {
    sets.push(...typeof spec === 'string' ? await dataSetsOf([`${name}=${spec}`]) : givenData({ [name]: contentOf(name, spec) }))
  }

  return sets
}

/** The same, where what they hold has been given. */
export function givenData (data: Readonly<Record<string, GivenData>>): DraftDataSet[] {
  checkDataNames(Object.keys(data))

  return Object.entries(data).map(([name, content]): DraftDataSet => {
    if (!Array.isArray(content)) {
      return { name, file: true, files: [{ source: content, path: DATA_FILE, executable: false }] }
    }

    checkDataFiles(name, content.map(({ path }) => path))

    return { name, files: content }
  })
}

function contentOf (name: string, spec: Exclude<DataSpec, string>): GivenData {
  if ('content' in spec) {
    return bytesOf(spec.content)
  }

  if (!Array.isArray(spec.files)) {
    throw new MeshmarkError('usage', `data set ${name} is neither a path, nor { content }, nor { files }`)
  }

  return spec.files.map(({ name, content, executable }) => ({ path: name, source: bytesOf(content), executable }))
}

function bytesOf (content: string | Uint8Array): Uint8Array {
  return typeof content === 'string' ? Buffer.from(content) : content
}
