import { createHash } from 'node:crypto'
import { appendFileSync, chmodSync, mkdirSync, readFileSync, readSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ContentStore } from '../../src/store/content.ts'
import { startChild, useTemporaryDir } from './child.ts'
import type { PayloadManifest } from '../../src/model/payload.ts'

const CHUNK = 64
const dir = useTemporaryDir()

function sha256 (bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

/** The store takes any id of the right form; its meaning is judged before. */
function describeContent (files: Record<string, Uint8Array>, chunkSize = CHUNK): { manifest: PayloadManifest, chunks: Uint8Array[], content: Buffer } {
  const content = Buffer.concat(Object.values(files))
  const chunks = Array.from({ length: Math.ceil(content.length / chunkSize) }, (_, i) => content.subarray(i * chunkSize, (i + 1) * chunkSize))
  const digests = chunks.map(chunk => new Uint8Array(sha256(chunk)))

  return {
    manifest: {
      id: sha256(Buffer.concat([...digests, Buffer.from(Object.keys(files).join('\0'))])).toString('hex'),
      files: Object.entries(files).map(([path, { byteLength }]) => ({ path, size: byteLength, executable: false })),
      chunkSize,
      chunks: digests
    },
    chunks,
    content
  }
}

function random (bytes: number, seed: number): Buffer {
  return Buffer.from(Array.from({ length: bytes }, (_, i) => (i * 31 + seed * 17 + (i >> 5) * seed) & 0xff))
}

async function open (maxBytes = 1e6, damage: string[] = []): Promise<ContentStore> {
  return ContentStore.open(dir(), { maxBytes, onDamage: (path, reason) => { damage.push(`${path}: ${reason}`) } })
}

async function add (store: ContentStore, { manifest, chunks }: ReturnType<typeof describeContent>): Promise<void> {
  const incoming = await store.begin(manifest)

  for (const index of incoming.missing) {
    await incoming.write(index, chunks[index] as Uint8Array)
  }

  await incoming.finish()
}

async function read (store: ContentStore, id: string, path: string): Promise<Buffer> {
  const reader = await store.open(id)

  try {
    return await gather(reader.readFile(path))
  } finally {
    await reader.close()
  }
}

async function gather (pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []

  for await (const piece of pieces) {
    all.push(piece)
  }

  return Buffer.concat(all)
}

describe('the content store', () => {
  it('gives back every file and every chunk as they came', async () => {
    const files = { 'a/one': random(150, 1), two: random(0, 2), three: random(42, 3), four: random(64, 4) }
    const payload = describeContent(files)
    const store = await open()

    expect(await store.has(payload.manifest.id)).toBe(false)
    expect(await store.state(payload.manifest)).toEqual([0, 1, 2, 3])
    await add(store, payload)
    expect(await store.has(payload.manifest.id)).toBe(true)
    expect(await store.state(payload.manifest)).toBe('complete')

    for (const [path, content] of Object.entries(files)) {
      expect(await read(store, payload.manifest.id, path)).toEqual(content)
    }

    const reader = await store.open(payload.manifest.id)

    expect(reader.manifest).toEqual(payload.manifest)
    expect(Buffer.from(await reader.readChunk(3))).toEqual(payload.content.subarray(192))
    await expect(reader.readChunk(4)).rejects.toThrow('has no chunk 4')
    await expect(gather(reader.readFile('five'))).rejects.toThrow('has no file five: it has a/one, two, three, four')
    await reader.close()
    await reader.close()

    // complete at once for those who bring it again
    expect((await store.begin(payload.manifest)).missing).toEqual([])
  })

  it('keeps a payload of no bytes', async () => {
    const payload = describeContent({ empty: new Uint8Array(0) })
    const store = await open()

    await add(store, payload)
    expect(await read(store, payload.manifest.id, 'empty')).toHaveLength(0)
  })

  it('is closed to other users', async () => {
    const payload = describeContent({ a: random(10, 1) })

    await add(await open(), payload)
    expect(statSync(join(dir(), 'complete')).mode & 0o777).toBe(0o700)
    expect(statSync(join(dir(), 'complete', payload.manifest.id)).mode & 0o777).toBe(0o700)

    for (const name of ['manifest', 'data']) {
      expect(statSync(join(dir(), 'complete', payload.manifest.id, name)).mode & 0o777).toBe(0o600)
    }
  })

  it('names a chunk that does not match, and keeps nothing of it', async () => {
    const payload = describeContent({ a: random(200, 1) })
    const store = await open()
    const incoming = await store.begin(payload.manifest)

    await expect(incoming.write(2, random(CHUNK, 9))).rejects.toMatchObject({ name: 'ChunkMismatchError', index: 2, message: expect.stringMatching(/^chunk 2 of payload .* does not match its digest$/) })
    await expect(incoming.write(3, random(CHUNK, 9))).rejects.toThrow('has 64 bytes instead of 8')
    await expect(incoming.write(4, random(1, 9))).rejects.toThrow('chunk 4 of payload')
    await expect(incoming.write(-1, random(1, 9))).rejects.toMatchObject({ name: 'ChunkMismatchError' })
    await expect(incoming.finish()).rejects.toThrow('lacks 4 of 4 chunks')
    expect(await store.state(payload.manifest)).toEqual([0, 1, 2, 3])
    // it may go on after that
    await incoming.write(0, payload.chunks[0] as Uint8Array)
    await incoming.abort()
    await incoming.abort()
    await expect(incoming.write(1, payload.chunks[1] as Uint8Array)).rejects.toThrow('has ended')
    expect(await store.state(payload.manifest)).toEqual([1, 2, 3])
  })

  it('takes chunks in any order, from any number of senders, across any crash', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 1e6 }), fc.gen(), async (sizes, seed, gen) => {
      rmSync(dir(), { recursive: true })
      const payload = describeContent(Object.fromEntries(sizes.map((size, i) => [`f${i}`, random(size, seed + i)])))
      const { manifest, chunks } = payload

      for (let crash = 0; crash < 3; crash++) {
        const store = await open()
        const incoming = await store.begin(manifest)
        const some = gen(fc.shuffledSubarray, incoming.missing)

        await Promise.all(some.map(async index => incoming.write(index, chunks[index] as Uint8Array)))
        // the process is gone: nothing is closed, and the file is as the disk happened to leave it
        const data = join(dir(), 'partial', manifest.id, 'data')
        const size = statSync(data).size
        const fate = gen(fc.constantFrom, 'whole', 'short', 'torn')

        if (fate === 'short') {
          truncateSync(data, gen(fc.integer, { min: 0, max: size }))
        } else if (fate === 'torn' && size > 0) {
          const content = readFileSync(data)

          content.fill(0, gen(fc.integer, { min: 0, max: size - 1 }))
          writeFileSync(data, content)
        }

        const after = await (await open()).state(manifest)

        // what was not written is missing, unless it happens to be what the disk holds
        expect(after === 'complete' || after.every(index => index < chunks.length)).toBe(true)

        if (fate === 'whole') {
          expect(after).toEqual(incoming.missing.filter(index => !some.includes(index)))
        }

        await incoming.abort()
      }

      const store = await open()
      const senders = await Promise.all([store.begin(manifest), store.begin(manifest)])

      await Promise.all(senders.map(async (sender, i) => {
        for (const index of i === 0 ? sender.missing : sender.missing.toReversed()) {
          await sender.write(index, chunks[index] as Uint8Array)
        }

        await sender.finish()
      }))

      for (const [i, { path }] of manifest.files.entries()) {
        expect(await read(store, manifest.id, path)).toEqual(random(sizes[i] as number, seed + i))
      }

      expect(readdirSync(join(dir(), 'partial'))).toEqual([])
      expect(store.usage()).toMatchObject({ payloads: 1, bytes: payload.content.length, heldBytes: 0 })
    }), { numRuns: 40 })
  })

  it('lets a second sender finish what a first one left half way', async () => {
    const payload = describeContent({ a: random(300, 1) })
    const store = await open()
    const first = await store.begin(payload.manifest)
    const second = await store.begin(payload.manifest)

    await first.write(0, payload.chunks[0] as Uint8Array)
    await first.abort()

    for (const index of second.missing.slice(1)) {
      await second.write(index, payload.chunks[index] as Uint8Array)
    }

    await second.finish()
    expect(await read(store, payload.manifest.id, 'a')).toEqual(payload.content)
  })

  it('is found again after a restart, and after a crash half way', async () => {
    const whole = describeContent({ a: random(300, 1) })
    const part = describeContent({ b: random(300, 2) })
    const child = startChild("import { ContentStore } from './store/content.ts'", `
      const store = await ContentStore.open(args[0], { maxBytes: 1e6 })
      const [whole, part] = JSON.parse(args[1]).map(p => ({ manifest: { ...p.manifest, chunks: p.manifest.chunks.map(c => Uint8Array.from(c)) }, chunks: p.chunks.map(c => Uint8Array.from(c)) }))
      const one = await store.begin(whole.manifest)
      for (const i of one.missing) await one.write(i, whole.chunks[i])
      await one.finish()
      const two = await store.begin(part.manifest)
      await two.write(3, part.chunks[3])
      print('written')
      setInterval(() => {}, 1e6)`, {
      args: [dir(), JSON.stringify([whole, part].map(({ manifest, chunks }) => ({ manifest: { ...manifest, chunks: manifest.chunks.map(c => [...c]) }, chunks: chunks.map(c => [...c]) })))]
    })

    await child.line()
    await child.kill()

    const store = await open()

    expect(await read(store, whole.manifest.id, 'a')).toEqual(whole.content)
    expect(await store.state(part.manifest)).toEqual([0, 1, 2, 4])

    const incoming = await store.begin(part.manifest)

    expect(incoming.missing).toEqual([0, 1, 2, 4])
    await incoming.abort()
  })

  it('removes what was not used for longest, but nothing that is pinned, read or written', async () => {
    const payloads = [1, 2, 3, 4, 5, 6].map(seed => describeContent({ a: random(100, seed) }))
    const [a, b, c, d, e, f] = payloads.map(({ manifest }) => manifest.id) as [string, string, string, string, string, string]
    const store = await open(400)

    for (const payload of payloads.slice(0, 4)) {
      await add(store, payload)
    }

    store.pin(a, 'job 1')
    store.pin(a, 'job 2')
    store.unpin(a, 'job 1')
    await read(store, b, 'a')
    const reader = await store.open(c)

    await add(store, payloads[4] as ReturnType<typeof describeContent>)
    expect(await Promise.all([a, b, c, d, e].map(async id => store.has(id)))).toEqual([true, true, true, false, true])
    expect(store.usage()).toEqual({ bytes: 400, maxBytes: 400, payloads: 4, heldBytes: 200 })

    await expect(store.begin(describeContent({ a: random(201, 9) }).manifest)).rejects.toMatchObject({ code: 'quota', message: 'the payload of 201 B does not fit the store of 400 B, of which unfinished jobs hold 200 B' })
    await expect(store.begin(describeContent({ a: random(401, 9) }).manifest)).rejects.toThrow('does not fit')
    // a refusal removes nothing
    expect(store.usage().payloads).toBe(4)

    await reader.close()
    store.unpin(a, 'job 2')
    const incoming = await store.begin((payloads[5] as ReturnType<typeof describeContent>).manifest)

    expect(await store.has(a)).toBe(false)
    expect(store.usage().heldBytes).toBe(100)
    await incoming.abort()
    expect(await store.has(f)).toBe(false)
  })

  it('remembers over a restart what was used last', async () => {
    const payloads = [1, 2, 3].map(seed => describeContent({ a: random(100, seed) }))
    let store = await open(300)

    for (const payload of payloads) {
      await add(store, payload)
    }

    await read(store, payloads[0]?.manifest.id ?? '', 'a')
    store = await open(300)
    await add(store, describeContent({ a: random(100, 4) }))
    expect(await Promise.all(payloads.map(async ({ manifest }) => store.has(manifest.id)))).toEqual([true, false, true])
  })

  it('gives a descriptor of content only when it is whole', async () => {
    const payload = describeContent({ a: random(300, 1), b: random(50, 2) })
    const { id } = payload.manifest
    const store = await open(1e6)

    await add(store, payload)

    const reader = await store.open(id)
    const content = Buffer.alloc(350)

    expect(readSync(await reader.descriptor(), content)).toBe(350)
    expect(content).toEqual(payload.content)

    // by whomever: what has been written to is looked at again
    writeFileSync(join(dir(), 'complete', id, 'data'), Buffer.from(content).fill(0, 70, 71))
    await expect(reader.descriptor()).rejects.toThrow(/must be fetched again: chunk 1 does not match/)
    await reader.close()
    expect(await store.has(id)).toBe(false)
  })

  it('names content that has been damaged, and fetches only that chunk again', async () => {
    const payload = describeContent({ a: random(300, 1) })
    const { id } = payload.manifest
    const damage: string[] = []
    const store = await open(1e6, damage)

    await add(store, payload)

    const data = join(dir(), 'complete', id, 'data')
    const content = readFileSync(data)

    content[70] = (content[70] as number) ^ 1
    writeFileSync(data, content)
    await expect(read(store, id, 'a')).rejects.toThrow(/must be fetched again: chunk 1 does not match/)
    expect(damage).toEqual([`${join(dir(), 'partial', id)}: chunk 1 does not match its digest`])
    expect(await store.has(id)).toBe(false)

    const incoming = await store.begin(payload.manifest)

    expect(incoming.missing).toEqual([1])
    await incoming.write(1, payload.chunks[1] as Uint8Array)
    await incoming.finish()
    expect(await read(store, id, 'a')).toEqual(payload.content)
  })

  it.each([
    ['its data is cut short', (path: string) => { truncateSync(join(path, 'data'), 10) }, true],
    ['its data is a link', (path: string) => { renameSync(join(path, 'data'), join(path, 'real')); symlinkSync('real', join(path, 'data')) }, true],
    ['its manifest is damaged', (path: string) => { appendFileSync(join(path, 'manifest'), ' ') }, true],
    ['its manifest is a link', (path: string) => { renameSync(join(path, 'manifest'), join(path, 'real')); symlinkSync('real', join(path, 'manifest')) }, true],
    ['its mode has changed', (path: string) => { chmodSync(join(path, 'data'), 0o644) }, false]
  ])('does not believe what it finds when %s', async (_, damageIt, isDamage) => {
    const payload = describeContent({ a: random(300, 1) })
    const damage: string[] = []

    await add(await open(), payload)
    damageIt(join(dir(), 'complete', payload.manifest.id))

    const store = await open(1e6, damage)

    expect(await store.has(payload.manifest.id)).toBe(!isDamage)
    expect(damage).toHaveLength(isDamage ? 1 : 0)
  })

  it('refuses ids and manifests that would lead it astray', async () => {
    const store = await open()
    const { manifest } = describeContent({ a: random(300, 1) })

    for (const id of ['../../etc', '', 'A'.repeat(64), `${'a'.repeat(63)}/`]) {
      await expect(store.begin({ ...manifest, id })).rejects.toThrow('not the id of a payload')
      await expect(store.open(id)).rejects.toThrow('not the id of a payload')
    }

    for (const wrong of [{ chunkSize: 0 }, { chunkSize: 1e12 }, { chunks: [] }, { chunks: manifest.chunks.slice(1) }, { files: [{ path: 'a', size: -1, executable: false }] }]) {
      await expect(store.begin({ ...manifest, ...wrong })).rejects.toThrow('contradicts itself')
      await expect(store.state({ ...manifest, ...wrong })).rejects.toThrow('contradicts itself')
    }
  })

  it('does not write through a link that stands where it wants to write', async () => {
    const { manifest } = describeContent({ a: random(300, 1) })
    const store = await open()

    mkdirSync(join(dir(), 'elsewhere'))
    symlinkSync(join(dir(), 'elsewhere'), join(dir(), 'partial', manifest.id))
    await expect(store.begin(manifest)).rejects.toThrow('not a folder but a link')
    expect(readdirSync(join(dir(), 'elsewhere'))).toEqual([])
  })

  it.skipIf(process.getuid?.() !== 0)('refuses what does not fit the disk', async () => {
    const mount = join(dir(), 'disk')

    mkdirSync(mount)

    const child = startChild(`
      import { ContentStore } from './store/content.ts'
      import { packFiles } from './node/payload/pack.ts'
      import { execFileSync } from 'node:child_process'`, `
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', args[0]])
      const store = await ContentStore.open(args[0] + '/payloads', { maxBytes: 1e9 })
      const add = async size => {
        const packed = await packFiles([{ source: Buffer.alloc(size, size), path: 'a' }])
        const incoming = await store.begin(packed.manifest)
        for (const i of incoming.missing) await incoming.write(i, await packed.readChunk(i))
        await incoming.finish()
        return packed.manifest.id
      }
      const first = await add(5e6)
      store.pin(first, 'job')
      print(await add(4e6).catch(err => err.code + ' ' + err.message))
      print(String(await store.has(first)))
      store.unpin(first, 'job')
      const second = await add(4e6)
      print((await store.has(first)) + ' ' + (await store.has(second)))`, { args: [mount], wrapper: ['unshare', '-m', '--propagation', 'private'] })

    expect(await child.line()).toBe(`failed the disk of ${mount}/payloads is full: free some space there`)
    expect(await child.line()).toBe('true')
    expect(await child.line()).toBe('false true')
    expect(await child.exited).toBe(0)
  })

  it('streams 200 MB without holding them', async () => {
    const child = startChild(`
      import { ContentStore } from './store/content.ts'
      import { packFiles } from './node/payload/pack.ts'
      import { closeSync, openSync, writeSync } from 'node:fs'`, `
      const file = openSync(args[0] + '/big', 'w')
      const block = Buffer.alloc(1 << 20)
      for (let i = 0; i < 200; i++) { block.writeUInt32LE(i * 7919 + 1); writeSync(file, block) }
      closeSync(file)
      const store = await ContentStore.open(args[0] + '/payloads', { maxBytes: 1e9 })
      const before = process.memoryUsage().rss
      let peak = before
      const look = () => { peak = Math.max(peak, process.memoryUsage().rss) }
      const packed = await packFiles([{ source: args[0] + '/big', path: 'big' }])
      const incoming = await store.begin(packed.manifest)
      for (const i of incoming.missing) { await incoming.write(i, await packed.readChunk(i)); look() }
      await incoming.finish()
      await packed.close()
      const reader = await store.open(packed.manifest.id)
      let bytes = 0
      for await (const piece of reader.readFile('big')) { bytes += piece.byteLength; look() }
      await reader.close()
      print(bytes + ' ' + (peak - before))`, { args: [dir()] })
    const [bytes, growth] = (await child.line()).split(' ').map(Number)

    expect(bytes).toBe(200 * 1024 ** 2)
    expect(growth).toBeLessThan(80 * 1024 ** 2)
  })
})
