import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contentPolicy, loadPage, servePage } from '../../src/http/page.ts'

let folder: string
const hono = new Hono()

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meshmark-page-'))
  await mkdir(join(folder, 'assets'))
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>Meshmark</title>')
  await writeFile(join(folder, 'assets/index-AbC.js'), 'console.log(1)')
  await writeFile(join(folder, 'assets/secret.env'), 'no')
  servePage(hono, { page: await loadPage(folder), hosts: ['lab.example'], connect: () => ['http://10.0.0.2:4748', "http://x; script-src 'unsafe-inline'"] })
})

afterAll(async () => { await rm(folder, { recursive: true }) })

async function get (path: string, headers: Record<string, string> = {}): Promise<Response> {
  return await hono.request(path, { headers: { host: '127.0.0.1:4748', ...headers } })
}

describe('the page', () => {
  it('is served without a token, never kept, and under a strict policy', async () => {
    const response = await get('/')

    expect([response.status, response.headers.get('content-type'), response.headers.get('cache-control')]).toEqual([200, 'text/html; charset=utf-8', 'no-cache'])
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('referrer-policy')).toBe('no-referrer')
    expect(response.headers.get('content-security-policy')).toMatch(/default-src 'none'; script-src 'self'; style-src 'self';.*frame-ancestors 'none'/)
    expect(response.headers.get('content-security-policy')).not.toContain('unsafe')
  })

  it('may ask the other masters, and an address is no way to say more than that', () => {
    expect(contentPolicy(['http://10.0.0.2:4748', "http://x; script-src 'unsafe-inline'", 'https://[fd00::1]:1'])).toContain("connect-src 'self' http://10.0.0.2:4748 https://[fd00::1]:1; base-uri")
  })

  it('has files whose names are hashes, which are kept for ever', async () => {
    const response = await get('/assets/index-AbC.js')

    expect(await response.text()).toBe('console.log(1)')
    expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
  })

  it('is compressed for those who take that', async () => {
    const response = await get('/', { 'accept-encoding': 'br, gzip' })

    expect(response.headers.get('content-encoding')).toBe('gzip')
    expect(gunzipSync(Buffer.from(await response.arrayBuffer())).toString()).toContain('Meshmark')
    expect((await get('/', { 'accept-encoding': 'gzip;q=0' })).headers.get('content-encoding')).toBeNull()
  })

  it('may be gone to from anywhere, under names of this master alone', async () => {
    expect((await get('/', { 'sec-fetch-site': 'cross-site' })).status).toBe(200)
    expect((await get('/', { host: 'lab.example' })).status).toBe(200)
    expect((await get('/', { host: 'evil.example' })).status).toBe(421)
  })

  it('is what was built, and nothing else of the disk', async () => {
    expect((await get('/assets/secret.env')).status).toBe(404)
    expect((await get('/assets/../index.html/../../etc/passwd')).status).toBe(404)
    expect(await loadPage(join(folder, 'none'))).toBeUndefined()
  })
})
