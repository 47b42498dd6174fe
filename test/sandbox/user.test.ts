import { describe, expect, it } from 'vitest'
import { chooseSecondUser, chooseUser } from '../../src/sandbox/user.ts'

const user = (id: number) => ({ uid: id, gid: id })

describe('the number of programs', () => {
  it('is another one for each worker, and never what a worker could be given, whether programs run or not', () => {
    const workers = Array.from({ length: 50 }, (_, index) => 61_184 + index)
    const programs = workers.map(id => chooseSecondUser(user(id)).uid)

    expect(new Set(programs).size).toBe(programs.length)
    expect(workers.filter(id => programs.includes(id))).toEqual([])

    // Of an administrator's own user.
    expect(workers).not.toContain(chooseSecondUser(user(998)).uid)
  })

  it.runIf(process.getuid?.() === 0)('leaves the next free worker\'s number free', () => {
    const next = chooseUser()

    expect([61_184, 61_185, 998].map(id => chooseSecondUser(user(id)).uid)).not.toContain(next?.uid)
  })
})
