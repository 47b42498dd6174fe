import { promisify } from 'node:util'
import { constants, crc32, deflateRaw } from 'node:zlib'

const deflate = promisify(deflateRaw)

/** RFC 1952: deflate, no name, no time, made on a system that is not told. */
const HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255)

/** An empty block that is the last one. */
const LAST_BLOCK = Uint8Array.of(3, 0)

/** Whether `Accept-Encoding` takes gzip. */
export function takesGzip (encodings: string | null): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(encodings ?? '')
}

/**
 * The same answer in gzip. Each piece of its body is compressed on its own and
 * is told at once: what is in one says nothing of another by how short it
 * becomes, nothing waits for the next, and nothing is held between them.
 */
export function packed (response: Response): Response {
  const { body, status, headers } = response

  if (body == null) {
    return response
  }

  const reader = body.getReader()
  let crc = 0
  let size = 0

  const next = async (): Promise<Uint8Array | undefined> => {
    for (;;) {
      const { done, value } = await reader.read()

      if (done) {
        return undefined
      }

      if (value.byteLength > 0) {
        crc = crc32(value, crc)
        size = (size + value.byteLength) % 2 ** 32

        return deflate(value, { finishFlush: constants.Z_SYNC_FLUSH })
      }
    }
  }

  const told = new Headers(headers)

  told.set('content-encoding', 'gzip')
  told.delete('content-length')

  return new Response(new ReadableStream<Uint8Array>({
    start (controller) {
      controller.enqueue(HEADER)
    },
    async pull (controller) {
      const piece = await next()

      if (piece != null) {
        controller.enqueue(piece)

        return
      }

      const end = new DataView(new ArrayBuffer(8))

      end.setUint32(0, crc, true)
      end.setUint32(4, size, true)
      controller.enqueue(LAST_BLOCK)
      controller.enqueue(new Uint8Array(end.buffer))
      controller.close()
    },
    async cancel (reason) {
      await reader.cancel(reason)
    }
  }, { highWaterMark: 0 }), { status, headers: told })
}
