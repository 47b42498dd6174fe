import { createHash } from 'node:crypto'
import type { DataSet } from '../../../model/data.ts'
import type { Limits } from '../../../model/limits.ts'

/**
 * Everything that decides what a build makes. A build that may be used again
 * has all of it in common with the one that made it.
 */
export interface BuildInputs {
  /** Peer id: what one client's build has made is never another one's program. */
  client: string
  /** Id of the files. */
  payload: string | undefined
  /** What the build may read beside them, under which names. */
  data?: readonly DataSet[]
  line: string
  env: Readonly<Record<string, string>>
  limits: Limits
  /** Of the machine: its processor (a compiler may build for that alone), system, compilers and packages. */
  machine: readonly string[]
  /** Hash of the filters that it was built under. */
  filter: string
}

/** SHA-256, lower-case hex. */
export function buildKey ({ client, payload, data = [], line, env, limits, machine, filter }: BuildInputs): string {
  const sorted = (record: object): Array<[string, unknown]> => Object.entries(record).sort(([a], [b]) => a < b ? -1 : 1)

  const sets = data.map(({ name, payload, file }) => [name, payload.id, file === true]).sort(([a], [b]) => String(a) < String(b) ? -1 : 1)

  return createHash('sha256')
    .update(JSON.stringify(['meshmark-build-1', client, payload ?? null, line, sorted(env), sorted(limits), machine, filter, ...data.length === 0 ? [] : [sets]]))
    .digest('hex')
}
