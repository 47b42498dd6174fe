import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { appendFileSync, chmodSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chunkSizeFor } from '../../../src/model/payload.ts'
import { validateManifest } from '../../../src/node/payload/manifest.ts'
import { packFiles } from '../../../src/node/payload/pack.ts'
import { ContentStore } from '../../../src/store/content.ts'
import { startChild, useTemporaryDir } from '../../store/child.ts'
import type { PackedPayload } from '../../../src/node/payload/pack.ts'

const CHUNK_SIZE = chunkSizeFor(0)

const dir = useTemporaryDir()

function write (name: string, content: Uint8Array | string, mode = 0o644): string {
  const path = join(dir(), name)

  writeFileSync(path, content)
  chmodSync(path, mode)

  return path
}

async function contentOf (packed: PackedPayload): Promise<Buffer> {
  const chunks: Uint8Array[] = []

  for (const index of packed.manifest.chunks.keys()) {
    chunks.push(await packed.readChunk(index))
  }

  return Buffer.concat(chunks)
}

describe('packing files', () => {
  it('describes files and content, and gives their chunks', async () => {
    const large = Buffer.alloc(2 * CHUNK_SIZE + 5, 'large')
    const packed = await packFiles([
      { source: write('prog', 'echo hello', 0o755), path: 'prog' },
      { source: write('large', large), path: 'data/large' },
      { source: Buffer.from('#!/bin/sh'), path: 'script', executable: true },
      { source: write('empty', ''), path: 'empty' }
    ])

    expect(packed.manifest.files).toEqual([
      { path: 'data/large', size: large.length, executable: false },
      { path: 'empty', size: 0, executable: false },
      { path: 'prog', size: 10, executable: true },
      { path: 'script', size: 9, executable: true }
    ])
    validateManifest(packed.manifest)

    const content = await contentOf(packed)

    expect(content.equals(Buffer.concat([large, Buffer.from('echo hello#!/bin/sh')]))).toBe(true)
    expect(Buffer.from(packed.manifest.chunks[2] as Uint8Array)).toEqual(createHash('sha256').update(content.subarray(2 * CHUNK_SIZE)).digest())
    await expect(packed.readChunk(3)).rejects.toThrow('no chunk 3')
    await packed.close()
    await packed.close()
    await expect(packed.readChunk(0)).rejects.toThrow('is closed')
  })

  it('gives the same id to the same files, whatever their order, place and time', async () => {
    const first = await packFiles([{ source: write('a', 'one'), path: 'x' }, { source: write('b', 'two'), path: 'y' }])
    const second = await packFiles([{ source: Buffer.from('two'), path: 'y' }, { source: Buffer.from('one'), path: 'x' }])
    const other = await packFiles([{ source: Buffer.from('two'), path: 'y', executable: true }, { source: Buffer.from('one'), path: 'x' }])

    expect(second.manifest).toEqual(first.manifest)
    expect(other.manifest.id).not.toBe(first.manifest.id)
  })

  it('packs nothing at all into a valid payload', async () => {
    const packed = await packFiles([])

    validateManifest(packed.manifest)
    expect(packed.manifest.chunks).toEqual([])
  })

  it('fits the content store, in whatever order chunks are asked for', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.constantFrom(0, 1, 1000, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1), { maxLength: 4 }), fc.gen(), async (sizes, gen) => {
      const contents = sizes.map((size, i) => Buffer.alloc(size, `${i} ${size} `))
      const packed = await packFiles(contents.map((content, i) => ({ source: i % 2 === 0 ? content : write(`f${i}`, content), path: `f${i}` })))
      const store = await ContentStore.open(join(dir(), 'payloads'), { maxBytes: 1e8 })
      const incoming = await store.begin(packed.manifest)

      for (const index of gen(fc.shuffledSubarray, incoming.missing, { minLength: incoming.missing.length })) {
        await incoming.write(index, await packed.readChunk(index))
      }

      await incoming.finish()
      const reader = await store.open(packed.manifest.id)

      for (const [i, content] of contents.entries()) {
        const pieces: Uint8Array[] = []

        for await (const piece of reader.readFile(`f${i}`)) {
          pieces.push(piece)
        }

        expect(Buffer.concat(pieces).equals(content)).toBe(true)
      }

      await reader.close()
      await packed.close()
    }), { numRuns: 15 })
  })

  it('says what is wrong with a file', async () => {
    const missing = join(dir(), 'missing')
    const fifo = join(dir(), 'fifo')

    execFileSync('mkfifo', [fifo])
    await expect(packFiles([{ source: missing, path: 'a' }])).rejects.toMatchObject({ code: 'not-found', message: `${missing} does not exist on this machine` })
    await expect(packFiles([{ source: join(write('file', 'x'), 'y'), path: 'a' }])).rejects.toMatchObject({ code: 'not-found' })
    await expect(packFiles([{ source: dir(), path: 'a' }])).rejects.toMatchObject({ code: 'not-executable', message: `${dir()} is a folder: name a file` })
    await expect(packFiles([{ source: fifo, path: 'a' }])).rejects.toMatchObject({ code: 'not-executable', message: `${fifo} is not a regular file` })
    await expect(packFiles([{ source: Buffer.from('x'), path: '../a' }])).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining("'../a' cannot be a file of the payload") })
    await expect(packFiles([{ source: Buffer.from('x'), path: 'a' }, { source: Buffer.from('y'), path: 'a' }])).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('two files are called a') })
    await expect(packFiles([{ source: Buffer.from('x'), path: 'a' }, { source: Buffer.from('y'), path: 'a/b' }])).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('a is both a file and the folder of a/b') })
    await expect(packFiles(Array.from({ length: 5_000 }, (_, i) => ({ source: Buffer.from('x'), path: `${i}` })))).rejects.toThrow('5000 files are more than a payload holds')
  })

  it.skipIf(process.getuid?.() !== 0)('says that a file cannot be read', async () => {
    execFileSync('chmod', ['755', dir()])
    const secret = write('secret', 'x', 0o600)
    const child = startChild("import { packFiles } from './node/payload/pack.ts'", 'print(await packFiles([{ source: args[0], path: "a" }]).catch(err => err.code + " " + err.message))', {
      args: [secret],
      wrapper: ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--']
    })

    expect(await child.line()).toBe(`not-executable ${secret} cannot be read by this user: change its permissions`)
  })

  it('follows a link that its user made', async () => {
    write('real', 'content', 0o755)
    symlinkSync('real', join(dir(), 'link'))

    const packed = await packFiles([{ source: join(dir(), 'link'), path: 'a' }])

    expect(packed.manifest.files).toEqual([{ path: 'a', size: 7, executable: true }])
  })

  it.each([
    ['grows', (path: string) => { appendFileSync(path, 'more') }],
    ['is written anew', (path: string) => { writeFileSync(path, 'CONTENT') }],
    ['is replaced', (path: string) => { writeFileSync(`${path}2`, 'content'); renameSync(`${path}2`, path) }]
  ])('notices a file that %s before it was sent', async (_, change) => {
    const path = write('file', 'content')
    const packed = await packFiles([{ source: path, path: 'a' }])

    change(path)
    await expect(packed.readChunk(0)).rejects.toMatchObject({ code: 'failed', message: `${path} changed while it was being read: wait until it is written, and try again` })
    await packed.close()
  })

  it('notices a file that is removed before it was sent', async () => {
    const path = write('file', 'content')
    const packed = await packFiles([{ source: path, path: 'a' }])

    rmSync(path)
    await expect(packed.readChunk(0)).rejects.toMatchObject({ code: 'not-found' })
    await packed.close()
  })

  it('notices a file that somebody keeps writing to', async () => {
    // large enough that the writer has its turn while it is read, also on a busy machine
    const path = write('file', Buffer.alloc(64 * CHUNK_SIZE))
    const child = startChild("import { appendFileSync } from 'node:fs'", `
      print('writing')
      for (;;) { appendFileSync(args[0], 'x'); await new Promise(resolve => setImmediate(resolve)) }`, { args: [path] })

    await child.line()
    await expect(packFiles([{ source: path, path: 'a' }])).rejects.toThrow('changed while it was being read')
    await child.kill()
  })

  it('holds no file open afterwards', async () => {
    const open = (): number => readdirSync('/proc/self/fd').length
    const before = open()

    mkdirSync(join(dir(), 'many'))

    const packed = await packFiles(Array.from({ length: 30 }, (_, i) => ({ source: write(`many/${i}`, `${i}`), path: `${i}` })))

    await packed.readChunk(0)
    expect(open()).toBeLessThanOrEqual(before + 1)
    await packed.close()
    await expect(packFiles([{ source: dir(), path: 'a' }])).rejects.toThrow()
    expect(open()).toBeLessThanOrEqual(before)
  })
})
