import { MeshmarkError } from '../../model/errors.ts'
import { open } from '../../node/membership.ts'
import { decodeJob } from '../../node/protocol/model/index.ts'
import { JOB_DOMAIN } from '../job-seal.ts'
import type { Job } from '../../model/job.ts'

/** Jobs whose executions may still come. */
const MAX_KEPT = 16

/** Sealed bytes of those, together. */
const MAX_BYTES = 64 * 1024 * 1024

/**
 * Jobs as their clients sealed them, checked once: a job may have a hundred
 * thousand executions. The same bytes are the same object, whoever brings them.
 */
export class SealedJobs {
  /** The last one used is the last one. */
  #kept: Array<{ sealed: Uint8Array, job: Promise<Job> }> = []

  /** Rejects when the client that it names has not sealed it. */
  async open (sealed: Uint8Array): Promise<Job> {
    const entry = this.#kept.find(kept => kept.sealed === sealed || Buffer.compare(kept.sealed, sealed) === 0) ?? { sealed, job: unseal(sealed) }

    this.#kept = [...this.#kept.filter(kept => kept !== entry), entry]
    this.#shrink()

    return entry.job
  }

  #shrink (): void {
    let bytes = this.#kept.reduce((sum, { sealed }) => sum + sealed.byteLength, 0)

    while (this.#kept.length > MAX_KEPT || (bytes > MAX_BYTES && this.#kept.length > 1)) {
      bytes -= this.#kept.shift()?.sealed.byteLength ?? 0
    }
  }
}

async function unseal (sealed: Uint8Array): Promise<Job> {
  const { payload, signer } = await open(sealed, JOB_DOMAIN)
  const job = decodeJob(payload)

  if (job.client !== signer) {
    throw new MeshmarkError('refused', 'the job is not sealed by the client that it names')
  }

  return job
}
