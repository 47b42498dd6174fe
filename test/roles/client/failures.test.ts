import { describe, expect, it } from 'vitest'
import { MeshmarkError } from '../../../src/model/errors.ts'
import { Failures } from '../../../src/roles/client/mesh-link.ts'

const FAILED = new MeshmarkError('failed', 'the disk is full')

describe('asking another master', () => {
  it('is of use as long as masters are merely gone', () => {
    const failures = new Failures()

    for (let times = 0; times < 100; times++) {
      expect(() => { failures.judge(true, new MeshmarkError('unreachable', 'gone'), 1) }).not.toThrow()
    }
  })

  it('is of no use after a refusal', () => {
    for (const code of ['refused', 'conflict', 'quota', 'usage', 'no-worker'] as const) {
      expect(() => { new Failures().judge(false, new MeshmarkError(code, 'no'), 3) }).toThrow('no')
    }
  })

  it('is of no use once every one has failed', () => {
    const failures = new Failures()

    failures.judge(false, FAILED, 2)
    failures.judge(false, FAILED, 2)
    expect(() => { failures.judge(false, FAILED, 2) }).toThrow('the disk is full')
  })
})
