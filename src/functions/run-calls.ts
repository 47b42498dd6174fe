import { setTimeout as delay } from 'node:timers/promises'
import { ulid } from 'ulid'
import { isMeshmarkError } from '../model/errors.ts'
import { readAnswer } from './answer.ts'
import { draftCalls } from './draft.ts'
import { CallError } from './errors.ts'
import { Printed } from './printed.ts'
import type { ItemEnd, SubmitReply } from '../node/protocol/submit/messages.ts'
import type { Client, DraftFile } from '../roles/client/types.ts'
import type { Call } from './call.ts'
import type { CallRules } from './call-options.ts'

/** A master that refuses for the moment is asked again so often, and so long. */
const QUOTA_PAUSE_MS = 250
const QUOTA_PATIENCE_MS = 60_000

/** Whoever has aborted calls waits no longer for a mesh that does not answer. */
const CANCEL_MS = 5_000

/** What one distributed function is, for its jobs. */
export interface Definition {
  name: string
  /** Of its jobs, for people. */
  title: string
  /** The function, its host and what goes along. */
  files: () => Promise<readonly DraftFile[]>
}

/**
 * Carries calls out as one job, and settles each as its item ends. Resolves
 * when all are settled. When the signal fires the job is cancelled first: calls
 * reject when the mesh has said that nothing of them runs any more, or when it
 * has not answered for a while.
 */
export async function runCalls (client: Client, { name, title, files }: Definition, rules: CallRules, calls: readonly Call[]): Promise<void> {
  const { signal } = rules
  const id = ulid()
  let offered = false

  try {
    const draft = { ...draftCalls({ name, title }, rules, await files(), calls.map(({ encoded }) => encoded)), id }

    signal?.throwIfAborted()
    offered = true
    await patiently(async () => client.submit(draft, { signal }))
    await patiently(async () => follow(client, id, name, rules, calls))
  } catch (reason) {
    if (offered && signal?.aborted === true) {
      await client.cancel(id, { signal: AbortSignal.timeout(CANCEL_MS) }).catch(() => {})
    }

    calls.forEach(call => { call.settle({ ok: false, reason }) })
  }
}

/** Other programs of the same user may have taken all that one user is given at once. */
async function patiently<T> (work: () => Promise<T>): Promise<T> {
  const sinceMs = performance.now()

  for (;;) {
    try {
      return await work()
    } catch (err) {
      if (!isMeshmarkError(err) || err.code !== 'quota' || performance.now() - sinceMs > QUOTA_PATIENCE_MS) {
        throw err
      }

      await delay(QUOTA_PAUSE_MS)
    }
  }
}

async function follow (client: Client, job: string, name: string, rules: CallRules, calls: readonly Call[]): Promise<void> {
  // the first byte says what the rest is
  const reader = new AnswerReader(name, rules.resultBytes + 1, rules.onOutput, calls)

  for await (const event of client.attachItems(job, { signal: rules.signal })) {
    reader.take(event)

    if (calls.every(({ settled }) => settled)) {
      return
    }
  }

  for (const call of calls) {
    call.settle({ ok: false, reason: new CallError(`${name} has no end: the mesh does not know what became of it`, { state: 'lost', worker: '' }) })
  }
}

interface OpenCall {
  call: Call
  end: ItemEnd
  parts: Uint8Array[]
  bytes: { stdout: number, stderr: number }
  printed: Printed
}

/** Puts the answers together: what is long comes in pieces, of one item at a time. */
class AnswerReader {
  readonly #name: string
  readonly #most: number
  readonly #onOutput: CallRules['onOutput']
  readonly #calls: readonly Call[]
  #open?: OpenCall

  constructor (name: string, most: number, onOutput: CallRules['onOutput'], calls: readonly Call[]) {
    this.#name = name
    this.#most = most
    this.#onOutput = onOutput
    this.#calls = calls
  }

  take (event: SubmitReply): void {
    if (event.kind === 'items') {
      event.items.forEach(end => { this.#begin(end) })
    } else if (event.kind === 'output') {
      this.#add(event.stream, event.data)
    } else if (event.kind === 'end') {
      this.#finish()
    }
  }

  #begin (end: ItemEnd): void {
    this.#finish()

    const call = this.#calls[Number(end.task) - 1]

    if (call == null || call.settled) {
      return
    }

    const { workerName: worker } = end
    const printed = new Printed(this.#onOutput == null ? undefined : text => { this.#onOutput?.(text, { worker }) })

    this.#open = { call, end, parts: [], bytes: { stdout: 0, stderr: 0 }, printed }
    this.#add('stdout', end.stdout)
    this.#add('stderr', end.stderr)
  }

  #add (stream: 'stdout' | 'stderr', data: Uint8Array | undefined): void {
    if (this.#open == null || data == null) {
      return
    }

    const { end, parts, bytes, printed } = this.#open

    bytes[stream] += data.byteLength

    if (stream === 'stderr') {
      printed.add(data)
    } else if (bytes.stdout <= this.#most) {
      parts.push(data)
    }

    if (bytes.stdout >= end.stdoutBytes && bytes.stderr >= end.stderrBytes) {
      this.#finish()
    }
  }

  #finish (): void {
    const open = this.#open

    this.#open = undefined

    if (open == null) {
      return
    }

    const { call, end, parts, bytes, printed } = open

    printed.finish()
    call.settle(readAnswer({
      name: this.#name,
      end,
      answer: bytes.stdout <= this.#most ? Buffer.concat(parts) : undefined,
      printed: printed.end,
      calledFrom: call.calledFrom
    }))
  }
}
