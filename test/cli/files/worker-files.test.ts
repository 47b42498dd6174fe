import { basename, dirname } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isPerWorker, workerFiles } from '../../../src/cli/files/worker-files.ts'

const of = (...names: string[]): Array<{ name: string, peerId: string }> => names.map((name, index) => ({ name, peerId: `12D3Koo-d-peer-${index}` }))

describe('a file for each worker', () => {
  it('has the name of the worker in its own', () => {
    expect(workerFiles('out/{worker}-{worker}.json', of('lab-01', 'büro', '$&'))).toEqual(['out/lab-01-lab-01.json', 'out/büro-büro.json', 'out/worker-worker.json'])
    expect(isPerWorker('out/{worker}.json')).toBe(true)
    expect(isPerWorker('{worker}/out.json')).toBe(false)
  })

  it('has nothing in its name that leads elsewhere', () => {
    expect(workerFiles('{worker}', of('../../etc/passwd', '/abs', '..', '-rf', '.hidden', 'a b\n\u001b[31m', ''))).toEqual(['etc-passwd', 'abs', 'worker-d-peer-2', 'rf', 'hidden', 'a-b-31m', 'worker-d-peer-6'])
  })

  it('has a name of its own when names meet', () => {
    expect(workerFiles('{worker}.json', of('pi', 'PI', 'p/i', 'p-i', 'p-i-d-peer-2'))).toEqual([
      'pi-d-peer-0.json', 'PI-d-peer-1.json', 'p-i-d-peer-2-2.json', 'p-i-d-peer-3.json', 'p-i-d-peer-2.json'
    ])
    expect(workerFiles('{worker}', [{ name: 'a', peerId: 'x' }, { name: 'a', peerId: 'x' }])).toEqual(['a-x', 'a-x-2'])
  })

  it('stays in its folder, apart from the others, whatever the workers call themselves', () => {
    const name = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.constantFrom('a', 'A', '.', '..', '/', 'a-x', '', '{worker}'))

    fc.assert(fc.property(fc.array(fc.record({ name, peerId: fc.constantFrom('x', 'y', '') })), workers => {
      const files = workerFiles('folder/r-{worker}.json', workers)

      expect(new Set(files.map(file => file.toLowerCase())).size).toBe(workers.length)
      files.forEach(file => {
        expect(dirname(file)).toBe('folder')
        expect(Buffer.byteLength(basename(file))).toBeLessThan(255)
      })
    }))
  })
})
