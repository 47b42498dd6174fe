import { basename } from 'node:path'
import { parseWhere } from '../../../machine/match.ts'
import { MeshmarkError } from '../../../model/errors.ts'
import { isPayloadPath } from '../../../model/payload.ts'
import { MAX_VARIANTS } from '../../../model/variants.ts'
import type { Selector } from '../../../model/placement.ts'
import type { JobOptions } from './job-options.ts'

/** Where the files of variants are in a payload. */
const FOLDER = '.variants'

/** One `--variant`, before its file has been looked at. */
export interface VariantWord {
  where: Selector[]
  /** On this machine. */
  file: string
  /** In the payload. */
  path: string
}

/** Reads `arch=arm64:./app-arm64`, any number of them. Throws a usage error. */
export function variantsOf ({ variant = [], build }: Pick<JobOptions, 'variant' | 'build'>): VariantWord[] {
  if (variant.length > MAX_VARIANTS) {
    throw new MeshmarkError('usage', `--variant is there ${variant.length} times, and ${MAX_VARIANTS} are the most`)
  }

  if (variant.length > 0 && build != null) {
    throw new MeshmarkError('usage', '--variant and --build both say what each worker runs: leave one of them out')
  }

  return variant.map((text, index) => {
    const [, condition = '', file = ''] = /^([^:]*):(.+)$/s.exec(text) ?? []

    if (condition === '') {
      throw new MeshmarkError('usage', `--variant '${text}' is not CONDITION:FILE: write e.g. --variant arch=arm64:./app-arm64`)
    }

    return { where: parseWhere(condition), file, path: `${FOLDER}/${index + 1}/${basename(file)}` }
  })
}

/** The name under which every worker finds its variant, from the first words of all commands. Throws a usage error. */
export function variantProgram (programs: readonly string[]): string {
  const [first = '', ...others] = programs
  const name = basename(first)

  if (first.startsWith('worker:') || !isPayloadPath(name)) {
    throw new MeshmarkError('usage', `--variant gives each worker its own file for the program, and '${first}' is the worker's: name it e.g. ./app`)
  }

  const other = others.find(program => basename(program) !== name)

  if (other != null) {
    throw new MeshmarkError('usage', `--variant is for one program, and ${first} and ${other} are two: submit two jobs`)
  }

  return name
}
