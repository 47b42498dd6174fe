import { describe, expect, it } from 'vitest'
import { readCallOptions } from '../../src/functions/call-options.ts'
import { companionFiles, payloadName } from '../../src/functions/companions.ts'

describe('options of distributed functions', () => {
  it('are those of jobs, in the words of the command line', () => {
    expect(readCallOptions({ timeout: '2s', memory: '64M', processes: 20, where: { arch: 'arm64', 'label.zone': 'lab' }, retry: 2, priority: -3, name: 'squares', env: { A: '1' } })).toMatchObject({
      limits: { wallMs: 2_000, memoryBytes: 64 * 1024 ** 2, processes: 20, outputBytes: 80 * 1024 ** 2 },
      placement: { on: 'any', where: [{ key: 'arch', value: 'arm64' }, { key: 'label.zone', value: 'lab' }] },
      retry: { when: 'on-failure', max: 2 },
      priority: -3,
      name: 'squares',
      env: { A: '1' }
    })
    expect(readCallOptions({ where: ['cores=8..', 'arch=x64'] }).placement).toMatchObject({ where: [{ key: 'cores' }, { key: 'arch' }] })
  })

  it('allow a result what it may have, and no more than may be printed', () => {
    expect(readCallOptions({}).resultBytes).toBe(64 * 1024 ** 2)
    expect(readCallOptions({ resultLimit: '128M' })).toMatchObject({ resultBytes: 128 * 1024 ** 2, limits: { outputBytes: 144 * 1024 ** 2 } })
    expect(readCallOptions({ outputLimit: '1M' })).toMatchObject({ resultBytes: 1024 ** 2, limits: { outputBytes: 1024 ** 2 } })
  })

  it.each([
    [{ timeOut: '5s' }, "distribute has no option 'timeOut'"],
    [{ timeout: 'soon' }, 'soon'],
    [{ where: 'nonsense' }, 'nonsense'],
    [{ retry: -1 }, 'retry must say how many times more, not -1'],
    [{ priority: 1_000 }, 'priority must be a whole number from -100 to 100, not 1000'],
    [{ name: 'a b' }, "name 'a b' must be"],
    [{ resultLimit: 0 }, "resultLimit '0' must be more than nothing"]
  ])('are refused when no job can have them: %j', (options, words) => {
    expect(() => readCallOptions(options as object)).toThrow(expect.objectContaining({ name: 'MeshmarkError', code: 'usage', message: expect.stringContaining(words) }))
  })

  it('name what goes along', async () => {
    const here = new URL(import.meta.url)

    expect(await companionFiles({ './a.js': here }, { b: here.pathname, 'c/d.txt': Buffer.from('x') })).toEqual([
      { path: 'a.js', source: here.pathname }, { path: 'b', source: here.pathname }, { path: 'c/d.txt', source: Buffer.from('x') }
    ])
    expect(payloadName('./lib/../a.js')).toBe('a.js')
    expect(() => payloadName('./meshmark-host.mjs')).toThrow('choose another name')
    await expect(companionFiles({ 'a.ts': here })).rejects.toThrow("module 'a.ts' does not end in .js")
    await expect(companionFiles({}, { a: '/nowhere' })).rejects.toThrow("'a' cannot go along: ENOENT")
    await expect(companionFiles({}, { a: import.meta.dirname })).rejects.toThrow('is no regular file')
    await expect(companionFiles({}, { a: 5 as unknown as string })).rejects.toThrow("'a' must be given as a path, a file: URL or bytes, not as a number")
  })
})
