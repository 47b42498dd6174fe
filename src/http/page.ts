import { readdir, readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { guardHost } from './exchange/guard.ts'
import { takesGzip } from './exchange/packed.ts'
import { problemResponse } from './exchange/problem.ts'
import type { Context, Hono } from 'hono'

/** The dashboard as it was built: what the browser is given, and nothing else of the disk. */
export interface Page {
  /** By path: `/` and `/assets/…`. */
  files: ReadonlyMap<string, PageFile>
}

interface PageFile {
  type: string
  plain: Uint8Array<ArrayBuffer>
  packed: Uint8Array<ArrayBuffer>
  /** Its name has a hash of what is in it. */
  immutable: boolean
}

interface PageOptions {
  page: Page | undefined
  hosts: readonly string[]
  /** Origins that the page may ask besides its own: the other masters. */
  connect: () => string[]
}

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml'
}

/** Found from dist/http and from dist/bundle alike. */
const BUILT = join(import.meta.dirname, '../dashboard')

const pack = promisify(gzip)

/** Reads the built page; undefined when there is none, such as before the first build. */
export async function loadPage (folder = BUILT): Promise<Page | undefined> {
  const assets = await readdir(join(folder, 'assets')).catch(() => undefined)

  if (assets == null) {
    return undefined
  }

  const paths = ['index.html', ...assets.map(name => `assets/${name}`)].filter(path => TYPES[extname(path)] != null)
  const files = await Promise.all(paths.map(async (path): Promise<[string, PageFile]> => {
    const plain = new Uint8Array(await readFile(join(folder, path)))

    return [path === 'index.html' ? '/' : `/${path}`, {
      type: TYPES[extname(path)]!,
      plain,
      packed: new Uint8Array(await pack(plain, { level: 9 })),
      immutable: path.startsWith('assets/')
    }]
  }))

  return { files: new Map(files) }
}

/** Answers for the page; everything else is left to what comes after. */
export function servePage (hono: Hono, { page, hosts, connect }: PageOptions): void {
  for (const [path, file] of page?.files ?? []) {
    hono.get(path, (context: Context) => {
      try {
        guardHost(context.req.raw.headers, hosts)
      } catch (err) {
        return problemResponse(err)
      }

      return answer(file, context.req.header('accept-encoding') ?? '', connect())
    })
  }
}

function answer (file: PageFile, encodings: string, connect: readonly string[]): Response {
  const isPacked = takesGzip(encodings)

  return new Response(isPacked ? file.packed : file.plain, {
    headers: {
      'content-type': file.type,
      ...(isPacked ? { 'content-encoding': 'gzip' } : {}),
      vary: 'Accept-Encoding',
      'cache-control': file.immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
      'content-security-policy': contentPolicy(connect),
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      // pages of other ports of this machine are of the same site
      'origin-agent-cluster': '?1',
      'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()'
    }
  })
}

/** Only its own files, no inline script or style, no HTML made of texts, and requests to masters of this mesh alone. */
export function contentPolicy (connect: readonly string[]): string {
  // an address that another master has told is no place for further directives
  const masters = connect.filter(origin => /^https?:\/\/[\w.:[\]-]+$/.test(origin))

  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    ['connect-src', "'self'", ...new Set(masters)].join(' '),
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'"
  ].join('; ')
}
