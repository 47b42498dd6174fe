import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { renderFull } from '../../src/report/full.ts'
import { renderJson } from '../../src/report/json.ts'
import { parseResultSet, resultSetOf } from '../../src/report/result-sets.ts'
import { around, finished, LAB } from './fixtures.ts'

function imported (name: string): string {
  return readFileSync(join(import.meta.dirname, 'imports', name), 'utf8')
}

const JOB = finished([
  ...LAB,
  { name: 'bad', cpu: 'Cortex-A76', runs: [[40, 41]], exit: { kind: 'code', code: 3 }, worker: { state: 'failed' } },
  { name: 'gone', cpu: 'Cortex-A76', runs: [], worker: { state: 'lost', result: undefined } }
])

describe("a file of hyperfine's", () => {
  it.each(['hyperfine-1.0.json', 'hyperfine-1.6.json'])('of an early version is read: %s', name => {
    expect(parseResultSet(imported(name), name)).toEqual({ label: name, commands: [{ command: './old 7', values: { wall: [40.1e6, 40.8e6, 41.2e6, 41.4e6, 42.5e6].map(ns => expect.closeTo(ns, 3)) } }] })
  })

  it('of the latest version is read, memory included', () => {
    const { commands } = parseResultSet(imported('hyperfine-1.20.json'), 'new.json')

    expect(commands.map(({ command, worker }) => [command, worker])).toEqual([['./old 7', undefined], ['./new 7', undefined]])
    expect(commands[0]?.values.memory).toHaveLength(5)
    expect(commands[1]?.values).toEqual({ wall: [expect.closeTo(20.6e6, 3)] })
  })

  it.each([
    ['', /^f\.json is not JSON: /],
    ['{"results": [', /^f\.json is not JSON: /],
    ['[]', /^f\.json: its content is a list of 0: it must be an object$/],
    ['{}', /^f\.json: results is missing: name a file that --export-json of hyperfine or Meshmark wrote, or --export-full$/],
    ['{"results": 5}', /^f\.json: results is 5: it must be a list/],
    ['{"results": [{"times": [1]}]}', /^f\.json: results\[0\]\.command is missing$/],
    ['{"results": [{"command": 7, "times": [1]}]}', /^f\.json: results\[0\]\.command is 7: it must be a text/],
    ['{"results": [{"command": "a"}]}', /^f\.json: results\[0\]\.times is missing$/],
    ['{"results": [{"command": "a", "times": []}]}', /^f\.json: results\[0\]\.times is a list of 0: it must be a list of 1 to/],
    ['{"results": [{"command": "a", "times": [1, "2"]}]}', /^f\.json: results\[0\]\.times\[1\] is "2": it must be a number/],
    ['{"results": [{"command": "a", "times": [-1]}]}', /^f\.json: results\[0\]\.times\[0\] is -1: it must be a number that is not negative$/],
    ['{"results": [{"command": "a", "times": [1e999]}]}', /^f\.json: results\[0\]\.times\[0\] is null: it must be/],
    ['{"format": "meshmark-results", "version": 2}', /^f\.json: version is 2: it must be 1, the only version/],
    ['{"results": [{"command": "a", "times": [1], "worker": "x"}]}', /^f\.json: results\[0\]\.worker is "x": it must be an object$/]
  ])('that is none is refused with the file and the field: %s', (text, message) => {
    expect(() => parseResultSet(text, 'f.json')).toThrow(message)
  })

  it('cannot reach into what every object has', () => {
    expect(() => parseResultSet('{"results": [{"command": "a", "times": {"length": 1}}]}', 'f.json')).toThrow(/times is an object/)
    expect(() => parseResultSet('{"__proto__": {"results": []}}', 'f.json')).toThrow(/results is missing/)
  })
})

describe('results of our own', () => {
  const stored = resultSetOf(JOB, 'x')

  it('are the same from the mesh and from the complete JSON', () => {
    const { commands, job } = parseResultSet(renderFull(JOB), 'full.json')

    expect(job).toBe(JOB.job.id)
    expect(commands.map(({ worker, command, values }) => ({ worker, command, values }))).toEqual(stored.commands.map(({ worker, command, values }) => ({ worker, command, values })))
    expect(commands.map(({ problem }) => problem)).toEqual([undefined, undefined, undefined, 'failed', 'lost'])
  })

  it('are the same from a file for hyperfine, without the names of workers behind the commands', () => {
    const { commands, job } = parseResultSet(renderJson(JOB), 'x.json')

    expect(job).toBe(JOB.job.id)
    expect(commands.map(({ worker, command }) => [worker?.name, command])).toEqual(stored.commands.map(({ worker, command }) => [worker?.name, command]))
    expect(commands[1]?.values.wall).toEqual(stored.commands[1]?.values.wall?.map(ns => expect.closeTo(ns, 3)))
    expect(commands[4]).toMatchObject({ values: {}, problem: 'lost' })
  })

  it('have memory only where every run is billed for it', () => {
    const job = finished([{ name: 'a', cpu: 'x', runs: [around(40, 1, 3)] }])
    const [first] = resultSetOf(job, 'x').commands
    job.workers[0]?.result?.commands[0]?.samples.forEach(sample => { sample.memoryBytes = 5 })

    expect(first?.values.memory).toBeUndefined()
    expect(resultSetOf(job, 'x').commands[0]?.values.memory).toEqual([5, 5, 5])
  })
})
