import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CHUNK_SIZE, MAX_CHUNKS, MAX_FILES } from '../../../src/model/payload.ts'
import { canonicalBytes, manifestId, validateManifest } from '../../../src/node/payload/manifest.ts'
import type { PayloadFile, PayloadManifest } from '../../../src/model/payload.ts'

const name = fc.string({ unit: fc.constantFrom('a', 'b', 'ö', ' ', '-', '\n', '🐢'), minLength: 1, maxLength: 4 })
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map(names => names.join('/'))
const file = fc.record({ path, size: fc.nat(5_000), executable: fc.boolean() })

/** Valid unless a path is both a file and a folder. */
const manifest = fc.tuple(fc.uniqueArray(file, { selector: ({ path }) => path, maxLength: 6 }), fc.integer({ min: 1_000, max: CHUNK_SIZE }), fc.nat()).map(([files, chunkSize, seed]) => make(files, chunkSize, seed))

function make (files: PayloadFile[], chunkSize = CHUNK_SIZE, seed = 0): PayloadManifest {
  const size = files.reduce((sum, file) => sum + file.size, 0)
  const chunks = Array.from({ length: Math.ceil(size / chunkSize) }, (_, i) => new Uint8Array(createHash('sha256').update(`${seed} ${i}`).digest()))

  return withId({ id: '', files, chunkSize, chunks })
}

function withId (manifest: PayloadManifest): PayloadManifest {
  return { ...manifest, id: manifestId(manifest) }
}

function one (path: string, size = 1): PayloadFile {
  return { path, size, executable: false }
}

function isBothFileAndFolder (files: PayloadFile[]): boolean {
  return files.some(({ path }) => files.some(other => other.path.startsWith(`${path}/`)))
}

describe('manifests', () => {
  it('have an id that anybody can work out', () => {
    const digest = new Uint8Array(32).fill(7)
    const content = { files: [{ path: 'bin/ö', size: 3, executable: true }, { path: 'b', size: 0, executable: false }], chunkSize: CHUNK_SIZE, chunks: [digest] }
    const expected = Buffer.concat([Buffer.from('meshmark-manifest-1\x001048576\x002\x00bin/ö\x003\x001\x00b\x000\x000\x00'), digest])

    expect(Buffer.from(canonicalBytes(content))).toEqual(expected)
    expect(manifestId(content)).toBe(createHash('sha256').update(expected).digest('hex'))
  })

  it('are valid exactly when no file is in the way of another', () => {
    fc.assert(fc.property(manifest, value => {
      if (isBothFileAndFolder(value.files)) {
        expect(() => { validateManifest(value) }).toThrow('is both a file and the folder of')
      } else {
        validateManifest(value)
      }
    }))
  })

  it('differ in their ids whenever they differ', () => {
    fc.assert(fc.property(manifest, manifest, (a, b) => {
      const same = JSON.stringify([a.files.map(({ path, size, executable }) => [path, size, executable]), a.chunkSize, a.chunks.map(chunk => [...chunk])]) ===
        JSON.stringify([b.files.map(({ path, size, executable }) => [path, size, executable]), b.chunkSize, b.chunks.map(chunk => [...chunk])])

      expect(a.id === b.id).toBe(same)
    }))
  })

  it('are refused once anything in them is changed', () => {
    fc.assert(fc.property(manifest.filter(({ files }) => files.length > 0 && !isBothFileAndFolder(files)), fc.nat(), fc.gen(), (value, pick, gen) => {
      const index = pick % value.files.length
      const change = gen(fc.constantFrom, 'path', 'size', 'executable', 'drop', 'chunk', 'extra')
      const changed = structuredClone(value)
      const file = changed.files[index] as PayloadFile

      switch (change) {
        case 'path': file.path += 'x'; break
        case 'size': file.size += 1; break
        case 'executable': file.executable = !file.executable; break
        case 'drop': changed.files.splice(index, 1); break
        case 'chunk': changed.chunks.push(new Uint8Array(32)); break
        case 'extra': changed.files.push(one('zzz', 0)); break
      }

      expect(() => { validateManifest(changed) }).toThrow('manifest is not valid')
    }))
  })

  it.each(['', '/', '/a', 'a/', 'a//b', '.', '..', 'a/../b', '../a', './a', 'a\0b', 'a\\b', 'x'.repeat(513), 'x'.repeat(256), '\ud800', `${'ö'.repeat(128)}/a`])('refuse the path %j', bad => {
    expect(() => { validateManifest(make([one(bad)])) }).toThrow('cannot be a file inside the payload')
  })

  it.each([
    ['two files of one name', make([one('a'), one('a')]), 'two files are called a'],
    ['a file that is a folder', make([one('a/b'), one('a')]), 'a is both a file and the folder of a/b'],
    ['too many files', make(Array.from({ length: MAX_FILES + 1 }, (_, i) => one(`f${i}`, 0))), `${MAX_FILES + 1} files, where ${MAX_FILES} are allowed`],
    ['too many chunks', make([one('a', MAX_CHUNKS + 1)], 1), `${MAX_CHUNKS + 1} chunks`],
    ['chunks that are too large', withId({ ...make([one('a')]), chunkSize: CHUNK_SIZE + 1 }), 'chunks of 1048577 bytes'],
    ['chunks of nothing', withId({ ...make([one('a')]), chunkSize: 0 }), 'chunks of 0 bytes'],
    ['chunks that are no number', withId({ ...make([one('a')]), chunkSize: NaN }), 'chunks of NaN bytes'],
    ['a chunk too few', withId({ ...make([one('a', CHUNK_SIZE + 1)]), chunks: [new Uint8Array(32)] }), '1 chunks for 1.0 MB of files, where 2 would be right'],
    ['a negative size', withId({ ...make([one('b', 5)]), files: [one('a', -1), one('b', 6)] }), 'a has size -1'],
    ['a size that is no whole number', withId({ ...make([one('a', 5)]), files: [one('a', 4.5)] }), 'a has size 4.5'],
    ['sizes beyond counting', withId({ ...make([]), files: [one('a', Number.MAX_SAFE_INTEGER), one('b', Number.MAX_SAFE_INTEGER)] }), '0 chunks for'],
    ['a short digest', withId({ ...make([one('a')]), chunks: [new Uint8Array(31)] }), 'chunk 0 has no SHA-256 digest'],
    ['another id', { ...make([one('a')]), id: 'f'.repeat(64) }, 'its id "ffffffffffff" is not the hash']
  ])('are refused with %s', (_, value, message) => {
    expect(() => { validateManifest(value) }).toThrow(message)
  })
})
