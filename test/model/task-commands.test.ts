import { describe, expect, it } from 'vitest'
import { mapTask } from '../../src/model/map.ts'
import { limitsAsked, taskCommands } from '../../src/model/task-commands.ts'
import type { Command, Job } from '../../src/model/job.ts'

const PEER = '12D3KooWQ7u1gLh2ZtmmVxiQJ3mUWUpeuqbPvz8rjYc9qzkAbCdE'

function command (name: string, limits?: Command['limits']): Command {
  return { argv: [name], program: { kind: 'name', name }, limits }
}

const job: Pick<Job, 'commands' | 'limits' | 'map'> = {
  commands: [command('small'), command('large', { memoryBytes: 8e9 }), command('quick', { wallMs: 100 })],
  limits: { memoryBytes: 1e9, processes: 7 },
  map: { lists: [{ where: [], entries: [{ command: 0 }, { command: 2 }] }, { where: [], entries: [{ command: 1 }] }] }
}

describe('a task of a map', () => {
  it('runs the one command of its entry', () => {
    expect(taskCommands(job, mapTask(PEER, 0, 1)).map(({ argv }) => argv)).toEqual([['quick']])
    expect(() => taskCommands(job, mapTask(PEER, 1, 1))).toThrow(/names no entry/)
  })

  it('has the limits of its command over those of the job', () => {
    expect(limitsAsked(job, mapTask(PEER, 0, 0))).toEqual({ memoryBytes: 1e9, processes: 7 })
    expect(limitsAsked(job, mapTask(PEER, 1, 0))).toEqual({ memoryBytes: 8e9, processes: 7 })
    expect(limitsAsked(job, mapTask(PEER, 0, 1))).toEqual({ memoryBytes: 1e9, processes: 7, wallMs: 100 })
  })

  it('asks, all of them together, for the most that one of them does', () => {
    expect(limitsAsked(job)).toEqual({ memoryBytes: 8e9, processes: 7, wallMs: 100 })
    expect(limitsAsked({ limits: { processes: 7 } })).toEqual({ processes: 7 })
  })
})
