import { MeshmarkError, toError } from '../../model/errors.ts'
import { sendPayload } from '../../node/payload/send.ts'
import { task as taskProtocol } from '../../node/protocol/task/index.ts'
import { OUTPUT_STREAMS } from '../output.ts'
import type { LiveReport, Parcel } from './parcel.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { ContentStore } from '../../store/content.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { OutputStream, TaskConfirm, TaskReport } from '../../node/protocol/task/messages.ts'

const PIECE = 256 * 1024

/** Output on its way and not confirmed, at most. */
const WINDOW = 1024 * 1024

/**
 * `stored`: the master has output and result on disk. `unwanted`: the job is no
 * more, nobody asks for its results. `refused`: it does not know the job, or not yet.
 */
export type Delivered =
  | { kind: 'stored' }
  | { kind: 'unwanted' }
  | { kind: 'refused', reason: string }

export interface DeliveryComponents {
  node: MeshNode
  /** What tasks have brought back. */
  files: Pick<ContentStore, 'open'>
  /** Peer id. */
  master: string
}

/**
 * Delivers one execution to one master, as it goes on: where it stands, its
 * output from disk, and at the end the files that it brought back and its result. Rejects when the stream breaks;
 * the next call goes on where the master says that this one got to.
 */
export async function deliver (parcel: Parcel, { node, files, master }: DeliveryComponents, signal: AbortSignal): Promise<Delivered> {
  const channel = await node.openChannel(master, taskProtocol, { signal })

  try {
    await channel.send({ kind: 'begin', execution: parcel.execution }, { signal })
    const answer = await channel.receive({ signal })

    if (answer?.kind === 'refused') {
      return { kind: 'refused', reason: answer.reason }
    }

    if (answer?.kind === 'unwanted') {
      return { kind: 'unwanted' }
    }

    if (answer?.kind !== 'resume') {
      throw new MeshmarkError('failed', 'the master did not say where to resume')
    }

    await new Delivery(parcel, channel, async () => sendFiles(parcel, { node, files, master }, signal), signal, { stdout: answer.stdout, stderr: answer.stderr }).run()
    await channel.close()

    return { kind: 'stored' }
  } catch (err) {
    channel.abort(toError(err))
    throw err
  }
}

/** By the payload protocol, of which this master has just said that it expects them. */
async function sendFiles ({ result }: Parcel, { node, files, master }: DeliveryComponents, signal: AbortSignal): Promise<void> {
  const source = await files.open(result?.collected?.payload?.id ?? '')

  try {
    await sendPayload(node, master, { manifest: source.manifest, readChunk: async index => source.readChunk(index), signal })
  } finally {
    await source.close()
  }
}

class Delivery {
  readonly #parcel: Parcel
  readonly #channel: Channel<TaskConfirm, TaskReport>
  readonly #sendFiles: () => Promise<void>
  readonly #signal: AbortSignal
  readonly #sent: Record<OutputStream, number>
  readonly #said = new Set<LiveReport>()
  #taken: Record<OutputStream, number>
  #wake = (): void => {}

  constructor (parcel: Parcel, channel: Channel<TaskConfirm, TaskReport>, sendFiles: () => Promise<void>, signal: AbortSignal, from: Record<OutputStream, number>) {
    this.#parcel = parcel
    this.#channel = channel
    this.#sendFiles = sendFiles
    this.#signal = signal
    this.#sent = { ...from }
    this.#taken = { ...from }
  }

  async run (): Promise<void> {
    const ended = new AbortController()
    const unfollow = this.#parcel.follow(() => { this.#wake() })
    const confirming = this.#readConfirms()

    confirming.catch(() => {
      ended.abort()
      this.#wake()
    })

    try {
      await Promise.race([this.#send(ended.signal), confirming])
      await confirming
    } finally {
      ended.abort()
      this.#wake()
      unfollow()
    }
  }

  async #readConfirms (): Promise<void> {
    while (true) {
      const confirm = await this.#channel.receive({ signal: this.#signal })

      if (confirm == null) {
        throw new MeshmarkError('failed', 'the master closed the delivery before it had stored the result')
      }

      switch (confirm.kind) {
        case 'taken':
          this.#taken = { stdout: confirm.stdout, stderr: confirm.stderr }
          this.#wake()
          break
        case 'want-files':
          await this.#sendFiles()
          await this.#sendResult()
          break
        case 'stored':
          return
        default:
          throw new MeshmarkError('failed', `the master refused the delivery: ${confirm.kind === 'refused' ? confirm.reason : confirm.kind}`)
      }
    }
  }

  async #send (ended: AbortSignal): Promise<void> {
    const { output } = this.#parcel

    while (!ended.aborted) {
      // before looking for work, so that nothing that comes meanwhile is slept through
      const { promise: woken, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve

      await this.#sendReports()

      // taken before the output is read: all output of a finished execution is on disk
      const { result } = this.#parcel

      if (result != null || this.#parcel.live()) {
        for (const stream of OUTPUT_STREAMS) {
          await this.#sendOutput(stream)
        }
      }

      // the master may have more than is left here: a power cut takes what was sent before it was fsynced
      if (result != null && OUTPUT_STREAMS.every(stream => this.#sent[stream] >= output.size(stream))) {
        await this.#sendResult()
        return
      }

      this.#signal.throwIfAborted()
      await woken
    }
  }

  async #sendResult (): Promise<void> {
    const { result } = this.#parcel

    if (result == null) {
      throw new MeshmarkError('failed', 'the master asked for the files of what has not ended')
    }

    await this.#channel.send({ kind: 'result', result, stdoutBytes: this.#sent.stdout, stderrBytes: this.#sent.stderr }, { signal: this.#signal })
  }

  async #sendReports (): Promise<void> {
    const { reports } = this.#parcel

    for (const report of reports.filter(report => !this.#said.has(report))) {
      await this.#channel.send(report, { signal: this.#signal })
    }

    // only what may come again is remembered
    this.#said.clear()
    reports.forEach(report => { this.#said.add(report) })
  }

  async #sendOutput (stream: OutputStream): Promise<void> {
    while (this.#sent[stream] - this.#taken[stream] < WINDOW) {
      const data = await this.#parcel.output.read(stream, this.#sent[stream], PIECE)

      if (data.byteLength === 0) {
        return
      }

      await this.#channel.send({ kind: 'output', stream, offset: this.#sent[stream], data }, { signal: this.#signal })
      this.#sent[stream] += data.byteLength
    }
  }
}
