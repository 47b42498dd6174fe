import './fail-on-rejection.ts'
import { streamPair } from '@libp2p/utils'
import fc from 'fast-check'
import { pipe } from 'it-pipe'
import { describe, expect, it, vi } from 'vitest'
import { MeshmarkError } from '../../src/model/errors.ts'
import { StreamChannel } from '../../src/node/channel.ts'
import { duplex, receiveAll } from '../../src/node/duplex.ts'
import { TestMesh, firstAddress, json, testProtocol } from './mesh.ts'
import type { ChannelInit } from '../../src/node/channel.ts'
import type { Stream } from '@libp2p/interface'

const INIT: ChannelInit<any, any> = { peer: 'lab-01', name: 'test', maxMessage: 100_000, incoming: json, outgoing: json }

async function channelPair (init: Partial<ChannelInit<any, any>> = {}): Promise<{ a: StreamChannel<any, any>, b: StreamChannel<any, any>, streams: [Stream, Stream] }> {
  const streams = await streamPair()

  return { a: new StreamChannel(streams[0], { ...INIT, ...init }), b: new StreamChannel(streams[1], { ...INIT, ...init }), streams }
}

async function collect<T> (source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []

  for await (const message of source) {
    all.push(message)
  }

  return all
}

describe('a channel', () => {
  it('delivers every message once and in order in both directions, whatever is said at the same time', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.jsonValue(), { maxLength: 30 }), fc.array(fc.jsonValue(), { maxLength: 30 }), async (there, back) => {
      // what JSON makes of the values, e.g. of -0
      const [thereJson, backJson] = [there, back].map(list => JSON.parse(JSON.stringify(list)))
      const { a, b } = await channelPair()
      const say = async (channel: StreamChannel<any, any>, messages: unknown[]): Promise<void> => {
        for (const message of messages) {
          await channel.send(message)
        }

        await channel.close()
      }

      const [, , heardByB, heardByA] = await Promise.all([say(a, there), say(b, back), collect(receiveAll(b)), collect(receiveAll(a))])

      expect(heardByB).toEqual(thereJson)
      expect(heardByA).toEqual(backJson)
      await Promise.all([a.closed, b.closed])
    }), { numRuns: 50 })
  })

  it('keeps the order of sends that do not wait for each other', async () => {
    const { a, b } = await channelPair()
    const numbers = Array.from({ length: 200 }, (_, i) => i)

    void Promise.all(numbers.map(async i => a.send(i))).then(async () => a.close())
    expect(await collect(receiveAll(b))).toEqual(numbers)
  })

  it('fits into it-pipe', async () => {
    const { a, b } = await channelPair()
    const doubled = pipe(duplex(b), async function * (source) {
      for await (const n of source) {
        yield n * 2
      }
    }, duplex(b))

    expect(await pipe([1, 2, 3], duplex(a), collect)).toEqual([2, 4, 6])
    await doubled
  })

  it('goes on answering undefined once the other side has closed', async () => {
    const { a, b } = await channelPair()

    await a.close()
    await a.close()
    expect(await b.receive()).toBe(undefined)
    expect(await b.receive()).toBe(undefined)
    await b.send('still open this way')
    expect(await a.receive()).toBe('still open this way')
  })

  it('does not take an end without goodbye for an end', async () => {
    const { a, b, streams } = await channelPair()

    await a.send(1)
    await streams[0].close()
    expect(await b.receive()).toBe(1)
    await expect(b.receive()).rejects.toMatchObject({ code: 'unreachable', message: expect.stringContaining('the connection to lab-01 broke during test') })
    await expect(b.receive()).rejects.toMatchObject({ code: 'unreachable' })
  })

  it('delivers what came before the other side broke off, and then says so', async () => {
    const { a, b } = await channelPair()

    await a.send(1)
    await a.send(2)
    expect(await b.receive()).toBe(1)
    a.abort(new Error('power cut'))
    expect(await b.receive()).toBe(2)
    await expect(b.receive()).rejects.toMatchObject({ code: 'unreachable', message: 'lab-01 broke off test' })
    await expect(b.send(3)).rejects.toMatchObject({ code: 'unreachable' })
    await expect(a.receive()).rejects.toMatchObject({ code: 'failed', message: 'test was given up: power cut' })
  })

  it('carries a refusal to a side that listens and to a side that only sends', async () => {
    const { a, b } = await channelPair()
    const refusal = { code: 'quota', message: 'not now' }

    b.refuse(new MeshmarkError('quota', 'not now'))
    await expect(a.receive()).rejects.toMatchObject(refusal)
    await expect(a.send(1)).rejects.toMatchObject(refusal)
    await expect(a.close()).rejects.toMatchObject(refusal)
    await expect(b.receive()).rejects.toMatchObject(refusal)
    await Promise.all([a.closed, b.closed])

    const second = await channelPair()
    const sending = (async () => {
      for (;;) {
        await second.a.send('x'.repeat(10_000))
      }
    })()

    second.b.refuse(new MeshmarkError('quota', 'not now'))
    await expect(sending).rejects.toMatchObject(refusal)
  })

  it('finds a refusal behind messages that were never read', async () => {
    const { a, b } = await channelPair()

    await b.send('unread')
    b.refuse(new MeshmarkError('quota', 'not now'))
    // the refusing side waits a moment for an answer, then breaks off
    await a.closed
    await expect(a.send(1)).rejects.toMatchObject({ code: 'quota', message: 'not now' })
    expect(await a.receive()).toBe('unread')
    await expect(a.receive()).rejects.toMatchObject({ code: 'quota' })
  })

  it('refuses a message that does not decode, in words for both sides', async () => {
    const { a, b } = await channelPair({ outgoing: { ...json, encode: () => new TextEncoder().encode('{') } })

    await a.send(1)
    await expect(b.receive()).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining('lab-01 sent an invalid test message') })
    await expect(a.receive()).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining('sent an invalid test message') })
  })

  it('refuses a message that is too long before it has come', async () => {
    const streams = await streamPair()
    const a = new StreamChannel(streams[0], { ...INIT, maxMessage: 1_000_000 })
    const b = new StreamChannel(streams[1], { ...INIT, maxMessage: 1_000 })

    const refusal = { code: 'refused', message: expect.stringContaining('longer than the 1000 bytes') }
    const sending = expect(a.send('x'.repeat(500_000)).then(async () => a.receive())).rejects.toMatchObject(refusal)

    await expect(b.receive()).rejects.toMatchObject(refusal)
    await sending
    await expect(b.send('too late')).rejects.toMatchObject(refusal)
  })

  it('does not send what is too long for the other side', async () => {
    const { a } = await channelPair({ maxMessage: 1_000 })

    await expect(a.send('x'.repeat(1_000))).rejects.toMatchObject({ code: 'failed', message: expect.stringContaining('1002 bytes') })
  })

  it('survives any bytes that the other side may send', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 10 }), async pieces => {
      const streams = await streamPair()
      const b = new StreamChannel(streams[1], INIT)

      for (const piece of pieces) {
        if (streams[0].writeStatus === 'writable') {
          streams[0].send(piece)
        }
      }

      void streams[0].close().catch(() => {})

      // it ends, with messages that decoded or with one clear error
      await collect(receiveAll(b)).catch(err => { expect(err.name).toBe('MeshmarkError') })
      b.abort(new Error('done'))
    }), { numRuns: 100 })
  })

  it('can be waited for with a signal, and loses nothing by it', async () => {
    const { a, b } = await channelPair()
    const controller = new AbortController()
    const waiting = b.receive({ signal: controller.signal })

    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await a.send('later')
    expect(await b.receive()).toBe('later')
  })
})

describe('a channel between two nodes', () => {
  it('stops the sender while nobody receives, and lets it go on', async () => {
    const mesh = await TestMesh.create()
    const master = await mesh.node(['master'])
    const client = await mesh.node(['client'])
    const upload = testProtocol('upload')
    const total = 2_000
    const stalled = Promise.withResolvers<void>()
    const heard: number[] = []
    let sent = 0

    master.handle(upload, async channel => {
      heard.push((await channel.receive()).sent)
      await stalled.promise

      for await (const message of receiveAll(channel)) {
        heard.push(message.sent)
      }

      await channel.send('all')
    })
    await client.connect(firstAddress(master))

    const channel = await client.openChannel(master.peerId, upload)
    const sending = (async () => {
      for (; sent < total; sent++) {
        await channel.send({ sent, fill: 'x'.repeat(10_000) })
      }

      await channel.close()
    })()

    for (let before = -1; before !== sent;) {
      before = sent
      await new Promise(resolve => setTimeout(resolve, 100))
    }

    // one window and what waits to be read, of 20 MB
    expect(sent).toBeLessThan(total / 4)
    stalled.resolve()
    await sending
    expect(await channel.receive()).toBe('all')
    expect(heard).toEqual(Array.from({ length: total }, (_, i) => i))
    await mesh.stop()
  })

  it('keeps a fast sender at the pace of a slow receiver for as long as it takes', async () => {
    const mesh = await TestMesh.create()
    const master = await mesh.node(['master'])
    const client = await mesh.node(['client'])
    const upload = testProtocol('upload')
    const total = 400

    master.handle(upload, async channel => {
      let received = 0

      for await (const message of receiveAll(channel)) {
        expect(message.i).toBe(received++)
        // slower than the sender, so that reading stops and goes on over and over
        await new Promise(resolve => setTimeout(resolve, 2))
      }

      await channel.send(received)
    })
    await client.connect(firstAddress(master))

    const channel = await client.openChannel(master.peerId, upload)

    for (let i = 0; i < total; i++) {
      await channel.send({ i, fill: 'x'.repeat(100_000) })
    }

    await channel.close()
    expect(await channel.receive()).toBe(total)
    await mesh.stop()
  })

  it('gives what was kept back when its sender cannot be told to go on, because the connection has just gone', async () => {
    const { a, b, streams } = await channelPair()
    const messages = Array.from({ length: 10 }, (_, i) => `${i}`.repeat(50_000))

    // as the muxer does when it has lost its connection
    Object.assign(streams[1], { sendPause: () => {}, sendResume: () => { throw new Error('Cannot write to a stream that is closed') } })
    await Promise.all(messages.slice(0, 6).map(async message => a.send(message)))
    await vi.waitFor(() => { expect(streams[1].readStatus).toBe('paused') })
    await Promise.all(messages.slice(6).map(async message => a.send(message)))

    for (const message of messages) {
      expect(await b.receive()).toBe(message)
    }
  })

  it('gives a slow reader everything, even when the other side has long finished', async () => {
    const mesh = await TestMesh.create()
    const master = await mesh.node(['master'])
    const client = await mesh.node(['client'])
    const download = testProtocol('download')
    const total = 150
    const finished = Promise.withResolvers<void>()

    master.handle(download, async channel => {
      for (let i = 0; i < total; i++) {
        await channel.send({ i, fill: 'x'.repeat(10_000) })
      }

      finished.resolve()
    })
    await client.connect(firstAddress(master))

    const channel = await client.openChannel(master.peerId, download)

    expect(await channel.receive()).toMatchObject({ i: 0 })
    await finished.promise
    // longer than the other side waits for us to hang up
    await (channel as StreamChannel<any, any>).closed

    const rest: number[] = []

    for await (const { i } of receiveAll(channel)) {
      rest.push(i)
    }

    expect(rest).toEqual(Array.from({ length: total - 1 }, (_, i) => i + 1))
    await mesh.stop()
  })
})
