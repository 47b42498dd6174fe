import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { decodeIdentity, encodeIdentity, loadOrCreateIdentity } from '../../src/node/identity.ts'

let folder: string

beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'meshmark-identity-')) })
afterEach(async () => { await rm(folder, { recursive: true, force: true }) })

describe('an identity', () => {
  it('is the same at every start, and only its owner can read it', async () => {
    const path = join(folder, 'deep', 'down', 'identity')
    const first = await loadOrCreateIdentity(path)
    const second = await loadOrCreateIdentity(path)

    expect(first.type).toBe('Ed25519')
    expect(peerIdFromPrivateKey(second).toString()).toBe(peerIdFromPrivateKey(first).toString())
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await stat(join(folder, 'deep', 'down'))).mode & 0o077).toBe(0)
    expect(await readdir(join(folder, 'deep', 'down'))).toEqual(['identity'])
  })

  it('is one, whoever creates it at the same time', async () => {
    const path = join(folder, 'identity')
    const keys = await Promise.all(Array.from({ length: 20 }, async () => loadOrCreateIdentity(path)))

    expect(new Set(keys.map(key => peerIdFromPrivateKey(key).toString())).size).toBe(1)
    expect(await readdir(folder)).toEqual(['identity'])
  })

  it('that is damaged is named and left alone', async () => {
    const path = join(folder, 'identity')

    for (const text of ['', 'meshmark-identity-1', 'meshmark-identity-1 ????', 'meshmark-identity-2 AAAA', 'garbage garbage']) {
      await writeFile(path, text, { mode: 0o600 })
      await expect(loadOrCreateIdentity(path)).rejects.toMatchObject({ code: 'failed', message: expect.stringContaining(`the identity file ${path} is damaged`) })
      expect(await readFile(path, 'utf8')).toBe(text)
    }
  })

  it('with any bit of its key flipped is damaged', async () => {
    const text = encodeIdentity(await generateKeyPair('Ed25519'))
    const [header = '', body = ''] = text.trim().split(' ')
    const bytes = Buffer.from(body, 'base64')

    await fc.assert(fc.asyncProperty(fc.nat(bytes.byteLength * 8 - 1), async bit => {
      const spoiled = Buffer.from(bytes)

      spoiled[bit >> 3] = (spoiled[bit >> 3] ?? 0) ^ (1 << (bit & 7))

      // another wire type says the same thing
      const key = await decodeIdentity(`${header} ${spoiled.toString('base64')}\n`).catch(() => undefined)

      expect(key == null || encodeIdentity(key) === text).toBe(true)
    }), { numRuns: 300 })
  })

  it('that others can read is refused, with the remedy', async () => {
    const path = join(folder, 'identity')

    await loadOrCreateIdentity(path)
    await chmod(path, 0o640)
    await expect(loadOrCreateIdentity(path)).rejects.toThrow(`chmod 600 ${path}`)
  })

  it('that cannot be written is one clear line', async () => {
    await writeFile(join(folder, 'file'), '')
    await expect(loadOrCreateIdentity(join(folder, 'file', 'identity'))).rejects.toMatchObject({ name: 'MeshmarkError', message: expect.stringContaining(join(folder, 'file', 'identity')) })
  })
})
