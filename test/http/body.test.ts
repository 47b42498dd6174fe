import '../../src/node/polyfill.ts'
import { describe, expect, it } from 'vitest'
import { Bodies, piecesOf } from '../../src/http/exchange/body.ts'

/** A body whose end one has in one's hand, being read. */
function begin (bodies: Bodies, owner: string, text: string): { read: Promise<unknown>, end: () => void } {
  let controller!: ReadableStreamDefaultController<Uint8Array>
  const body = new ReadableStream<Uint8Array>({ start: given => { controller = given } })
  const request = new Request('http://127.0.0.1', { method: 'POST', body, duplex: 'half', headers: { 'content-type': 'application/json' } } as RequestInit)

  controller.enqueue(Buffer.from(text))

  return { read: bodies.json(request, owner, new AbortController().signal), end: () => { controller.close() } }
}

describe('bodies that are read into memory', () => {
  it('are no more than one token may have, and leave room to those of others', async () => {
    const bodies = new Bodies({ tokenBytes: 10, allBytes: 25 })
    const [first, second] = [begin(bodies, 'a', '"123456"'), begin(bodies, 'b', '"123456"')]

    await expect(begin(bodies, 'a', '"1"').read).rejects.toMatchObject({ status: 429, message: expect.stringMatching(/of one token that are being sent have more than 10 B/) })
    await expect(begin(bodies, 'c', '"12345678"').read).rejects.toMatchObject({ status: 429, message: expect.stringMatching(/as much as it has room for/) })
    first.end()
    second.end()
    expect(await Promise.all([first.read, second.read])).toEqual(['123456', '123456'])

    // what is over leaves nothing behind
    const last = begin(bodies, 'a', '"12345678"')

    last.end()
    expect(await last.read).toBe('12345678')
  })
})

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
