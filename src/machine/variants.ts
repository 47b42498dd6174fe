import { matches } from './match.ts'
import type { WorkerInfo } from '../model/machine.ts'
import type { Variants } from '../model/variants.ts'

/** The file of a worker, by its path in the payload; or why there is none for it, in one line. */
export function variantFor (worker: WorkerInfo, { choices }: Variants): { path: string } | { refusal: string } {
  const reasons: string[] = []

  for (const { where, path } of choices) {
    const answer = matches(worker, where)

    if (answer === true) {
      return { path }
    }

    reasons.push(answer)
  }

  return { refusal: `no --variant is for it: ${[...new Set(reasons)].join('; ')}` }
}

/** The files of a payload as the worker's runs find them: the one that is its program's has the program's name, and the others stay beside it. */
export function withVariant<T extends { path: string }> (files: readonly T[], program: string, path: string): T[] {
  return files.map(file => file.path === path ? { ...file, path: program } : file)
}
