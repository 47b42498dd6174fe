import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { descriptorLimit, explainDescriptors, OTHER_DESCRIPTORS } from '../../src/node/descriptors.ts'
import { MAX_CONNECTIONS } from '../../src/node/libp2p.ts'

describe('the limit of open files', () => {
  it('is read from the system, where Node.js has raised the soft one to the hard one', () => {
    const limits = execFileSync('/bin/sh', ['-c', 'ulimit -Sn 100 && ulimit -Hn 300 && exec "$0" -p "fs.readFileSync(\'/proc/self/limits\', \'utf8\')"', process.execPath], { encoding: 'utf8' })

    expect(descriptorLimit(limits)).toBe(300)
    expect(descriptorLimit()).toBe(descriptorLimit(readFileSync('/proc/self/limits', 'utf8')))
    expect(descriptorLimit('')).toBeUndefined()
  })

  it('is mentioned when it is too low for a large fleet, with what to do', () => {
    expect(explainDescriptors(MAX_CONNECTIONS + OTHER_DESCRIPTORS)).toBeUndefined()
    expect(explainDescriptors(undefined)).toBeUndefined()
    expect(explainDescriptors(1_024)).toMatch(/1024 files open, enough for about 512 workers and clients: .*ulimit -Hn 4512, or LimitNOFILE=4512/)
  })
})
