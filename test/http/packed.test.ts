import { createGunzip, gunzipSync, constants } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { packed, takesGzip } from '../../src/http/exchange/packed.ts'

function answer (pieces: Uint8Array[], over: () => void = () => {}): Response {
  let at = 0

  return new Response(new ReadableStream<Uint8Array>({
    pull (controller) {
      const piece = pieces[at++]

      if (piece == null) {
        controller.close()
      } else {
        controller.enqueue(piece)
      }
    },
    cancel: over
  }, { highWaterMark: 0 }), { status: 200, headers: { 'content-type': 'application/json', 'content-length': '3' } })
}

describe('an answer in gzip', () => {
  it('is one file of gzip, whatever its pieces are', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), async pieces => {
      const response = packed(answer(pieces))

      expect(response.headers.get('content-encoding')).toBe('gzip')
      expect(response.headers.get('content-length')).toBeNull()
      expect(gunzipSync(Buffer.from(await response.arrayBuffer()))).toEqual(Buffer.concat(pieces))
    }))
  })

  it('can be read piece by piece, before the next one is there', async () => {
    const { body } = packed(answer([Buffer.from('event: mesh\n\n'), Buffer.from('event: nodes\n\n')]))
    const reader = body!.getReader()
    const gunzip = createGunzip({ flush: constants.Z_SYNC_FLUSH })
    const texts: string[] = []

    gunzip.on('data', data => { texts.push(String(data)) })

    for (const expected of ['', 'event: mesh\n\n', 'event: mesh\n\nevent: nodes\n\n']) {
      const { value } = await reader.read()

      await new Promise<void>(resolve => { gunzip.write(value, () => { resolve() }) })
      expect(texts.join('')).toBe(expected)
    }
  })

  it('is as long as it would be alone, whatever was told before', async () => {
    const guess = Buffer.from('./hash --password secret-4711'.repeat(3))
    const alone = packed(answer([guess])).arrayBuffer()
    const after = packed(answer([guess, guess])).arrayBuffer()
    const overhead = (await packed(answer([])).arrayBuffer()).byteLength

    expect((await after).byteLength - (await alone).byteLength).toBe((await alone).byteLength - overhead)
  })

  it('ends what is told when nobody reads it any more', async () => {
    let isOver = false
    const { body } = packed(answer([Buffer.from('x')], () => { isOver = true }))

    await body!.cancel()
    expect(isOver).toBe(true)
  })

  it('is for those who take it', () => {
    expect(['gzip', 'br, gzip;q=0.5', 'gzip, deflate'].map(takesGzip)).toEqual([true, true, true])
    expect([null, '', 'identity', 'gzip;q=0', 'br'].map(takesGzip)).toEqual([false, false, false, false, false])
  })
})
