import { MeshmarkError } from '../../model/errors.ts'
import { payloadSize } from '../../model/payload.ts'
import { sendPayload } from '../../node/payload/send.ts'
import { expectReply } from './questions.ts'
import { withSealed } from './sealed-draft.ts'
import type { MeshLink } from './mesh-link.ts'
import type { Questions } from './questions.ts'
import type { SealedJob, Sealer } from './sealed-draft.ts'
import type { JobDraft, Submitted } from './types.ts'
import type { Watch } from './watch.ts'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'

/** Until the payload is on all masters; whether the master lives is seen in other ways. */
const SUBMIT_TIMEOUT_MS = 15 * 60 * 1000

export interface SubmitOptions {
  onUpload?: (sentBytes: number, totalBytes: number) => void
  signal?: AbortSignal
}

export interface Submitter {
  node: MeshNode
  link: MeshLink
  questions: Questions
  sealer: Sealer
}

interface Offer extends Omit<SealedJob, 'sets'> {
  /** Payloads that were asked for by any master. */
  sent: Set<string>
}

/** Seals a draft and submits it, with what the masters lack of its files. Resolves when it is durable. */
export async function submitDraft (submitter: Submitter, draft: JobDraft, options: SubmitOptions): Promise<Submitted> {
  return withSealed(draft, submitter.sealer, async ({ id, sealed, all, sets }) => {
    const sent = new Set<string>()
    // the very same bytes again when the answer is lost with its master: a job that was accepted is the same job then
    const accepted = await submitter.link.persist(async (master, watch) => offer(submitter, master, watch, { id, sealed, all, sent }, options), options.signal)

    return sets.length === 0 ? accepted : { ...accepted, known: sets.filter(({ payload }) => !sent.has(payload.id)).map(({ name }) => name) }
  })
}

/** One submission to one master, with what it lacks of the payloads. */
async function offer ({ node, link, questions }: Submitter, master: Peer, watch: Watch | undefined, { id, sealed, all, sent }: Offer, { onUpload, signal }: SubmitOptions): Promise<Submitted> {
  let reply = await questions.single(master, { kind: 'submit', job: sealed }, SUBMIT_TIMEOUT_MS, watch?.signal ?? signal)
  const given = new Set<string>()

  while (reply.kind === 'need-payload') {
    const { payload } = reply
    const packed = all.find(({ manifest }) => manifest.id === payload)

    if (packed == null) {
      throw new MeshmarkError('failed', 'the master asked for a payload that this job does not have')
    }

    if (given.has(payload)) {
      throw new MeshmarkError('failed', 'the master has lost the payload that was just sent: submit again')
    }

    given.add(payload)
    sent.add(payload)

    const { manifest } = packed
    const total = payloadSize(manifest)

    // on a slow line an answer may have to wait behind the upload
    watch?.end()

    await sendPayload(node, master.id, {
      manifest,
      readChunk: async index => packed.readChunk(index),
      job: id,
      onProgress: chunks => { onUpload?.(Math.min(chunks * manifest.chunkSize, total), total) },
      signal
    })

    const nextWatch = link.watch(master, signal)

    try {
      reply = await questions.single(master, { kind: 'submit', job: sealed }, SUBMIT_TIMEOUT_MS, nextWatch?.signal ?? signal)
    } finally {
      nextWatch?.end()
    }
  }

  return expectReply(reply, 'accepted')
}
