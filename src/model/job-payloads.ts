import type { Job } from './job.ts'
import type { PayloadManifest } from './payload.ts'

/** All that a job has: its files, its data sets and the files of its variants, each once. No worker needs all variants: see `workerPayloads`. */
export function jobPayloads ({ payload, data = [], variants }: Pick<Job, 'payload' | 'data' | 'variants'>): PayloadManifest[] {
  const all = [...payload == null ? [] : [payload], ...data.map(({ payload }) => payload), ...(variants?.choices ?? []).flatMap(({ payload }) => payload ?? [])]

  return all.length < 2 ? all : [...new Map(all.map(manifest => [manifest.id, manifest])).values()]
}
