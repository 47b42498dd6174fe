import type { Job } from './job.ts'
import type { PayloadManifest } from './payload.ts'

/** All that must be at a worker before a job runs there: its files and its data sets, each once. */
export function jobPayloads ({ payload, data = [] }: Pick<Job, 'payload' | 'data'>): PayloadManifest[] {
  const all = [...payload == null ? [] : [payload], ...data.map(({ payload }) => payload)]

  return all.length < 2 ? all : [...new Map(all.map(manifest => [manifest.id, manifest])).values()]
}
