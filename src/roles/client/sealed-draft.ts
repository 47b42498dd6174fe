import { ulid } from 'ulid'
import { DATA_FILE } from '../../model/data.ts'
import { MeshmarkError } from '../../model/errors.ts'
import { seal } from '../../node/membership.ts'
import { packFiles } from '../../node/payload/pack.ts'
import { encodeJob, MAX_RUNS } from '../../node/protocol/model/index.ts'
import { JOB_DOMAIN } from '../job-seal.ts'
import type { DigestCache } from './digest-cache.ts'
import type { DraftFile, JobDraft } from './types.ts'
import type { DataSet } from '../../model/data.ts'
import type { Plan } from '../../model/plan.ts'
import type { Variant } from '../../model/variants.ts'
import type { PackedPayload } from '../../node/payload/pack.ts'
import type { PrivateKey } from '@libp2p/interface'

export interface SealedJob {
  id: string
  sealed: Uint8Array
  /** All that may be asked for. */
  all: readonly PackedPayload[]
  sets: readonly DataSet[]
}

/** Whose job it is. */
export interface Sealer {
  identity: PrivateKey
  peerId: string
  /** Of large files, so that they are not read again. */
  digests: DigestCache | undefined
}

/** The job as it is submitted; its files stay open as long as `use` takes. */
export async function withSealed<T> (draft: JobDraft, { identity, peerId, digests }: Sealer, use: (job: SealedJob) => Promise<T>): Promise<T> {
  const { files, data = [], variants, ...rest } = draft
  const all: PackedPayload[] = []
  const pack = async (files: DraftFile[]): Promise<PackedPayload> => {
    const packed = await packFiles(files, digests)

    all.push(packed)

    return packed
  }

  try {
    const id = draft.id ?? ulid()
    const packed = files.length > 0 ? await pack(files) : undefined
    const sets: DataSet[] = []

    for (const { name, files, file } of data) {
      sets.push({ name, payload: (await pack(files)).manifest, ...(file === true ? { file } : {}) })
    }

    const choices: Variant[] = []

    for (const { file, ...choice } of variants?.choices ?? []) {
      choices.push({ ...choice, payload: (await pack([{ ...file, path: DATA_FILE, executable: true }])).manifest })
    }

    const sealed = await seal(identity, JOB_DOMAIN, encodeJob({
      ...rest,
      plan: boundPlan(rest.plan, rest.commands.length),
      id,
      client: peerId,
      payload: packed?.manifest,
      ...(sets.length === 0 ? {} : { data: sets }),
      ...(variants == null ? {} : { variants: { program: variants.program, choices } }),
      submittedAt: Date.now()
    }))

    return await use({ id, sealed, all, sets })
  } finally {
    await Promise.all(all.map(async packed => packed.close()))
  }
}

/** All runs of a job on one worker must fit one result. Throws `usage` for more; what was not asked for is cut down. */
function boundPlan (plan: Plan, commands: number): Plan {
  const most = Math.floor(MAX_RUNS / Math.max(commands, 1))

  if (plan.kind === 'fixed' && plan.runs > most) {
    throw new MeshmarkError('usage', `${plan.runs} runs of each of ${commands} commands are more than the ${MAX_RUNS} that one job may ask of a worker: ask for ${most}, or submit several jobs`)
  }

  return plan.kind === 'precision' && plan.maxRuns > most ? { ...plan, maxRuns: most, minRuns: Math.min(plan.minRuns, most) } : plan
}
