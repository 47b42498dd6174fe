import { readSync, writeSync } from 'node:fs'
import { decodeHeader, encodeHeader, encodeJson, FRAME, HEADER_BYTES, MAX_CHUNK } from '../frame.ts'
import { CONTROL_FD } from '../layout.ts'
import { POLLIN } from '../native/libc.ts'
import { receiveDescriptor } from '../native/pass-descriptor.ts'
import type { Libc } from '../native/libc.ts'
import type { FromRunner, ToRunner } from '../protocol.ts'

/** The worker is told of progress this often at most, and that we live this often at least, between two runs. */
export const PROGRESS_NS = 100_000_000n

/** For memory of the kernel, two seconds altogether. */
const MEMORY_ATTEMPTS = 200
const MEMORY_WAIT_MS = 10

/** Never notified: to sleep on. */
const nobody = new Int32Array(new SharedArrayBuffer(4))

/** The worker's end of the descriptor is closed. */
export class WorkerGone extends Error {}

/** The runner's synchronous end of the control descriptor. */
export class Control {
  readonly #header = Buffer.alloc(HEADER_BYTES)
  readonly #chunk = Buffer.alloc(MAX_CHUNK)
  #lastSentNs = 0n
  #isHeard = true
  #posted: Buffer[] = []

  /** Waits for the next message. */
  read (): ToRunner {
    const { kind, length } = this.#readHeader()

    if (kind !== FRAME.json) {
      throw new Error('expected a message from the worker')
    }

    const body = Buffer.alloc(length)

    this.#fill(body)
    return JSON.parse(body.toString('utf8')) as ToRunner
  }

  /** Waits for the next piece of data; it is valid until the next read. */
  readData (): Buffer {
    const { kind, length } = this.#readHeader()

    if (kind !== FRAME.data) {
      throw new Error('expected data from the worker')
    }

    const body = this.#chunk.subarray(0, length)

    this.#fill(body)
    return body
  }

  /** To be sent with whatever is sent next: each message wakes the worker. */
  post (message: FromRunner): void {
    this.#posted.push(encodeJson(message))
  }

  /** What was posted does not wait any longer. */
  flush (): void {
    if (this.#posted.length > 0) {
      this.#write(Buffer.alloc(0))
    }
  }

  /** Nothing that is said meanwhile is sent. */
  unheard (action: () => void): void {
    this.#isHeard = false

    try {
      action()
    } finally {
      this.#isHeard = true
    }
  }

  /** Waits for a descriptor, which the caller closes. */
  readDescriptor (libc: Libc): number {
    const descriptor = receiveDescriptor(libc, CONTROL_FD)

    if (descriptor == null) {
      throw new Error('expected a descriptor from the worker')
    }

    return descriptor
  }

  send (message: FromRunner): void {
    this.#write(encodeJson(message))
  }

  /** Sends a message and waits for its answer. */
  ask (message: FromRunner, answer: ToRunner['type']): void {
    this.send(message)

    if (this.read().type !== answer) {
      throw new Error(`expected ${answer}`)
    }
  }

  /** At most MAX_CHUNK bytes. */
  sendOutput (stream: 'stdout' | 'stderr', data: Uint8Array): void {
    this.#write(Buffer.concat([encodeHeader(FRAME[stream], data.length), data]))
  }

  /** Of the file that was announced last. At most MAX_CHUNK bytes. */
  sendData (data: Uint8Array): void {
    this.#write(Buffer.concat([encodeHeader(FRAME.data, data.length), data]))
  }

  /** Has the worker said something that was not read? Also when it is gone. */
  hasMore (libc: Libc): boolean {
    const entry = Buffer.alloc(8)

    entry.writeInt32LE(CONTROL_FD, 0)
    entry.writeInt16LE(POLLIN, 4)
    return libc.poll(entry, 1, 0) > 0
  }

  /** Is it time to say that we are alive? */
  quietForLong (): boolean {
    return process.hrtime.bigint() - this.#lastSentNs > PROGRESS_NS
  }

  /** To be called again and again while something takes long between two runs. */
  readonly alive = (): void => {
    if (this.quietForLong()) {
      this.send({ type: 'alive' })
    }
  }

  #readHeader (): ReturnType<typeof decodeHeader> {
    this.#fill(this.#header)
    return decodeHeader(this.#header)
  }

  #fill (buffer: Buffer): void {
    for (let at = 0; at < buffer.length;) {
      const read = readSync(CONTROL_FD, buffer, at, buffer.length - at, null)

      if (read === 0) {
        throw new WorkerGone('the worker is gone')
      }

      at += read
    }
  }

  #write (frame: Buffer): void {
    const buffer = this.#posted.length === 0 ? frame : Buffer.concat([...this.#posted, frame])

    this.#posted = []

    for (let at = 0; this.#isHeard && at < buffer.length;) {
      at += this.#writeSome(buffer, at)
    }

    this.#lastSentNs = process.hrtime.bigint()
  }

  #writeSome (buffer: Buffer, at: number): number {
    for (let attempt = 1; ; attempt++) {
      try {
        return writeSync(CONTROL_FD, buffer, at)
      } catch (err) {
        const { code = '' } = err as NodeJS.ErrnoException

        if (['EPIPE', 'ECONNRESET'].includes(code)) {
          throw new WorkerGone('the worker is gone', { cause: err })
        }

        // The kernel's memory for a message is charged to the box's group, which the program may just have filled: what it had is on its way out.
        if (!['ENOBUFS', 'ENOMEM'].includes(code) || attempt === MEMORY_ATTEMPTS) {
          throw err
        }

        Atomics.wait(nobody, 0, 0, MEMORY_WAIT_MS)
      }
    }
  }
}
