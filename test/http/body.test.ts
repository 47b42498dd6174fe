import '../../src/node/polyfill.ts'
import { describe, expect, it } from 'vitest'
import { piecesOf } from '../../src/http/exchange/body.ts'

describe('the pieces of a body', () => {
  it('end with the reason when nobody wants them any more, and with nothing that nobody hears', async () => {
    const unheard: unknown[] = []
    const hear = (err: unknown): void => { unheard.push(err) }
    const stop = new AbortController()
    let controller!: ReadableStreamDefaultController<Uint8Array>
    const pieces = piecesOf(new ReadableStream<Uint8Array>({ start: given => { controller = given } }), stop.signal)

    process.on('unhandledRejection', hear)

    try {
      controller.enqueue(Buffer.from('a'))
      expect(String((await pieces.next()).value)).toBe('a')
      // both while that piece is being written
      stop.abort(new Error('stopped'))
      controller.error(new Error('gone'))
      await expect(pieces.next()).rejects.toThrow('stopped')
      // such an event comes once all that is ready has been done
      await new Promise(resolve => { setImmediate(resolve) })
      expect(unheard).toEqual([])
    } finally {
      process.off('unhandledRejection', hear)
    }
  })
})
