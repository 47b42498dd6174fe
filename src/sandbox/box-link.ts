import { encodeHeader, FRAME, FrameDecoder, MAX_CHUNK } from './frame.ts'
import { parseFromRunner } from './protocol.ts'
import type { Duplex } from 'node:stream'
import type { BoxFile } from './box-types.ts'
import type { Frame } from './frame.ts'
import type { FromRunner } from './protocol.ts'

/** From the box, where a result carries a line per command and no more. */
const MAX_BODY_FROM_BOX = 4 * 1024 * 1024

/** The control descriptor ended. */
export class BoxGone extends Error {}

/** What the runner says. */
export async function * readFrames (control: Duplex): AsyncGenerator<Frame> {
  const decoder = new FrameDecoder(MAX_BODY_FROM_BOX)

  try {
    for await (const chunk of control.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      yield * decoder.push(chunk)
    }
  } catch (err) {
    if (!control.destroyed) {
      throw err
    }
  }
}

/** Rejects with BoxGone when there is none any more. */
export async function nextFrame (frames: AsyncGenerator<Frame>): Promise<Frame> {
  const { done, value } = await frames.next()

  if (done === true) {
    throw new BoxGone('the sandbox ended')
  }

  return value
}

/** The next frame, which must be this message. */
export async function expect<T extends FromRunner['type']> (frames: AsyncGenerator<Frame>, type: T): Promise<Extract<FromRunner, { type: T }>> {
  const { kind, body } = await nextFrame(frames)
  const message = kind === FRAME.json ? parseFromRunner(body, 0) : undefined

  if (message?.type !== type) {
    throw new Error(message?.type === 'broken' ? message.reason : `the runner did not say ${type}`)
  }

  return message as Extract<FromRunner, { type: T }>
}

/** A file of the payload, as data frames. Rejects when its content is longer or shorter than announced. */
export async function sendFile (control: Duplex, file: BoxFile): Promise<void> {
  let left = file.size

  for await (const chunk of file.read()) {
    for (let at = 0; at < chunk.length; at += MAX_CHUNK) {
      const piece = chunk.subarray(at, at + MAX_CHUNK)

      left -= piece.length

      if (left < 0) {
        throw new Error(`${file.path} is longer than the ${file.size} bytes that were announced`)
      }

      control.cork()
      control.write(encodeHeader(FRAME.data, piece.length))

      const written = write(control, piece)

      control.uncork()
      await written
    }
  }

  if (left > 0) {
    throw new Error(`${file.path} is ${left} bytes shorter than the ${file.size} that were announced`)
  }
}

/** Resolves when the descriptor has taken it. */
export async function write (control: Duplex, data: Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    control.write(data, err => {
      if (err == null) {
        resolve()
      } else {
        reject(new BoxGone('the sandbox ended', { cause: err }))
      }
    })
  })
}
