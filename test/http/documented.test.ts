import '../../src/node/polyfill.ts'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { appOf } from './fake-client.ts'

interface Operation { parameters?: Array<{ name: string, in: string }> }

it('docs/http.md lists every request that there is, with its parameters, and no other', async () => {
  const app = appOf({})
  const { paths } = await (await app.ask('/v1/openapi.json')).json() as { paths: Record<string, Record<string, Operation>> }
  const page = await readFile(join(import.meta.dirname, '../../docs/http.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `([A-Z]+ \/v1\/\S+)` \| ([^|]*) \|$/gm)].map(([, request, does]): [string, string] => [request!, does!])
  const served = Object.entries(paths).flatMap(([path, operations]) => Object.entries(operations).map(([method, operation]): [string, Operation] => [`${method.toUpperCase()} ${path}`, operation]))

  expect(rows.map(([request]) => request).sort()).toEqual(served.map(([request]) => request).sort())

  for (const [request, { parameters = [] }] of served) {
    const named = [...rows.find(([other]) => other === request)![1].matchAll(/`([^`]+)`/g)].map(([, name]) => name!)

    for (const { name, in: place } of parameters.filter(({ in: place }) => place !== 'path')) {
      expect(named, `${request}: ${place} ${name}`).toContain(name)
    }
  }

  await app.close()
})
