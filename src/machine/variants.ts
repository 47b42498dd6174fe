import { jobPayloads } from '../model/job-payloads.ts'
import { matches } from './match.ts'
import type { Job } from '../model/job.ts'
import type { WorkerInfo } from '../model/machine.ts'
import type { PayloadManifest } from '../model/payload.ts'
import type { Variant, Variants } from '../model/variants.ts'

/** The variant of a worker; or why there is none for it, in one line. */
export function variantFor (worker: WorkerInfo, { choices }: Variants): Variant | { refusal: string } {
  const reasons: string[] = []

  for (const choice of choices) {
    const answer = matches(worker, choice.where)

    if (answer === true) {
      return choice
    }

    reasons.push(answer)
  }

  return { refusal: `no --variant is for it: ${[...new Set(reasons)].join('; ')}` }
}

/** All that must be at a worker before a job runs there: of variants only its own. Without a worker, what every one needs. */
export function workerPayloads (job: Pick<Job, 'payload' | 'data' | 'variants'>, worker?: WorkerInfo): PayloadManifest[] {
  const { variants } = job

  if (variants == null) {
    return jobPayloads(job)
  }

  const variant = worker == null ? undefined : variantFor(worker, variants)

  return jobPayloads({ ...job, variants: variant == null || 'refusal' in variant ? undefined : { ...variants, choices: [variant] } })
}

/** The files of a payload as the worker's runs find them where its variant is one of them: that has the program's name, and the others stay beside it. */
export function withVariant<T extends { path: string }> (files: readonly T[], program: string, path: string): T[] {
  return files.map(file => file.path === path ? { ...file, path: program } : file)
}
