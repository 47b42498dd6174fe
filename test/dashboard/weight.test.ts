import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadPage } from '../../src/http/page.ts'

/** As it was promised. */
const BYTES = 250_000

describe('the first view of the dashboard', () => {
  it('weighs less than 250 kB on the line', async () => {
    const page = await loadPage(join(import.meta.dirname, '../../dist/dashboard'))

    if (page == null) {
      throw new Error('the page is not built: npm run build')
    }

    const loaded = new Map<string, number>()
    const load = (path: string): void => {
      const file = page.files.get(path)

      if (file == null || loaded.has(path)) {
        return
      }

      loaded.set(path, file.packed.byteLength)

      const text = Buffer.from(file.plain).toString()
      const asked = path === '/'
        ? [...text.matchAll(/(?:src|href)="\.(\/[^"]+)"/g)].map(([, name]) => name!)
        // only what is needed at once: import("./x.js") is for later
        : [...text.matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g)].map(([, name]) => `/assets/${name}`)

      asked.forEach(load)
    }

    load('/')
    expect([...loaded.keys()].filter(path => path.endsWith('.js')).length).toBeGreaterThan(0)
    expect([...loaded.keys()].filter(path => path.endsWith('.css')).length).toBeGreaterThan(0)
    expect([...loaded.values()].reduce((sum, bytes) => sum + bytes, 0), [...loaded].join(' ')).toBeLessThan(BYTES)
  })
})
