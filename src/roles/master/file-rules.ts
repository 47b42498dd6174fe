import { DATA_FOLDER, isDataName } from '../../model/data.ts'
import { Glob } from '../../model/glob.ts'
import { toError } from '../../model/errors.ts'
import type { Job } from '../../model/job.ts'

/** What is wrong with the files that a job takes along and brings back; undefined when nothing is. */
export function filesProblem ({ data = [], payload, collect, comparison, variants }: Job): string | undefined {
  if (collect != null && comparison != null) {
    return 'commands that are compared bring no files back: leave out --collect, or use run'
  }

  return badPattern(collect?.patterns ?? []) ?? badData(data, payload) ?? badVariant(variants, payload)
}

function badPattern (patterns: readonly string[]): string | undefined {
  for (const pattern of patterns) {
    try {
      // eslint-disable-next-line no-new
      new Glob(pattern)
    } catch (err) {
      return `the pattern '${pattern}' of files to bring back: ${toError(err).message}`
    }
  }
}

function badData (data: NonNullable<Job['data']>, payload: Job['payload']): string | undefined {
  const bad = data.find(({ name, payload, file }) => !isDataName(name) || (file === true && payload.files.length !== 1))

  if (bad != null) {
    return `the data set '${bad.name}' has a name, or files, that it cannot have: rename it, or send it as a folder`
  }

  if (new Set(data.map(({ name }) => name)).size < data.length) {
    return 'two of its data sets have the same name: rename one of them'
  }

  return data.length > 0 && payload?.files.some(({ path }) => path === DATA_FOLDER || path.startsWith(`${DATA_FOLDER}/`)) === true
    ? `one of its files is called ${DATA_FOLDER}, where its data sets are to be: rename it`
    : undefined
}

function badVariant (variants: Job['variants'], payload: Job['payload']): string | undefined {
  const own = variants?.choices.filter(choice => choice.payload != null) ?? []
  const bad = own.find(choice => choice.payload?.files.length !== 1)

  if (bad != null) {
    return `the variant '${bad.path}' has ${bad.payload?.files.length} files, and a variant is one: send what else it needs with the job`
  }

  return own.length > 0 && payload?.files.some(({ path }) => path === variants?.program) === true
    ? `one of its files is called ${variants?.program}, as the program of its variants is: rename it`
    : undefined
}
