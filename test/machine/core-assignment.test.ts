import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assignCores, chosenCores } from '../../src/machine/core-assignment.ts'
import { BENCHEXEC, machine, range, REAL } from './machines.ts'
import type { Topology } from '../../src/machine/topology.ts'

const { single, singleHt, dualHt, three, threeHt, quadHt, dualSmall, threeSmall, quadSmall, threeGaps, opteron, mixed } = BENCHEXEC

function processors (topology: Topology, coresEach: number, tasks: number): number[][] {
  return assignCores(topology, { tasks, coresEach }).map(task => task.processors)
}

function cores (topology: Topology, coresEach: number, tasks: number, taken?: number[]): number[][] {
  return assignCores(topology, { tasks, coresEach, taken }).map(task => task.cores)
}

const refused = (topology: Topology, coresEach: number, tasks: number) => () => assignCores(topology, { tasks, coresEach })

describe('cores for tasks', () => {
  it.each([
    ['one socket', single, 1, range(0, 8).map(core => [core])],
    ['one socket', single, 2, [[0, 1], [2, 3], [4, 5], [6, 7]]],
    ['one socket', single, 3, [[0, 1, 2], [3, 4, 5]]],
    ['one socket', single, 4, [[0, 1, 2, 3], [4, 5, 6, 7]]],
    ['one socket', single, 8, [range(0, 8)]],
    ['one socket with two threads a core', singleHt, 1, [[0, 4], [1, 5], [2, 6], [3, 7]]],
    ['one socket with two threads a core', singleHt, 2, [[0, 1, 4, 5], [2, 3, 6, 7]]],
    ['one socket with two threads a core', singleHt, 3, [[0, 1, 2, 4, 5, 6]]],
    ['two sockets', dualHt, 1, range(0, 8).flatMap(core => [[core, core + 16], [core + 8, core + 24]])],
    ['two sockets', dualHt, 2, [0, 8, 2, 10, 4, 12, 6, 14].map(core => [core, core + 1, core + 16, core + 17])],
    ['two sockets', dualHt, 4, [0, 8, 4, 12].map(core => [...range(core, core + 4), ...range(core + 16, core + 20)])],
    ['two sockets', dualHt, 8, [[...range(0, 8), ...range(16, 24)], [...range(8, 16), ...range(24, 32)]]],
    ['three sockets', three, 1, [0, 5, 10, 1, 6, 11, 2, 7, 12, 3, 8, 13, 4, 9, 14].map(core => [core])],
    ['three sockets', three, 2, [[0, 1], [5, 6], [10, 11], [2, 3], [7, 8], [12, 13]]],
    ['three sockets', three, 3, [[0, 1, 2], [5, 6, 7], [10, 11, 12]]],
    ['three sockets with two threads a core', threeHt, 2, [0, 5, 10, 2, 7, 12].map(core => [core, core + 1, core + 15, core + 16])],
    ['three sockets with two threads a core', threeHt, 4, [0, 5, 10].map(core => [...range(core, core + 4), ...range(core + 15, core + 19)])],
    ['two small sockets', dualSmall, 1, [0, 4, 1, 5, 2, 6, 3, 7].map(core => [core, core + 8])],
    ['two small sockets', dualSmall, 8, [range(0, 16)]],
    ['three small sockets', threeSmall, 4, [[0, 1, 2, 3, 9, 10, 11, 12]]],
    ['four sockets', quadSmall, 5, [[0, 1, 2, 3, 4], [8, 9, 10, 11, 12]].map(half => [...half, ...half.map(id => id + 16)])],
    ['three sockets with gaps', threeGaps, 1, [[0, 1], [2, 3], [6, 7]]],
    ['modules', opteron, 1, [[0, 1], [32, 33], [48, 49], [16, 17], [8, 9], [40, 41], [56, 57], [24, 25]]],
    ['processors in disorder', mixed, 2, [[0, 4, 9, 12], [1, 8, 20, 23], [15, 19, 21, 31], [10, 11, 14, 27]]]
  ])('on %s, %#', (_, topology, coresEach, expected) => {
    // fewer tasks have the same as the first of more
    for (let tasks = 1; tasks <= expected.length; tasks++) {
      expect(processors(topology, coresEach, tasks)).toEqual(expected.slice(0, tasks))
    }

    expect(refused(topology, coresEach, expected.length + 1)).toThrow(/cannot be had/)
  })

  it('of every size for one task, from the first on', () => {
    for (const [topology, count] of [[single, 8], [dualHt, 16], [three, 15], [quadHt, 32]] as const) {
      for (let size = 1; size <= count; size++) {
        expect(cores(topology, size, 1)).toEqual([range(0, size)])
      }

      expect(refused(topology, count + 1, 1)).toThrow(`there are only ${count} here`)
    }
  })

  it('that do not fit are refused with what would', () => {
    expect(refused(single, 3, 3)).toThrow('3 times 3 physical cores cannot be had: there are only 8 here')
    expect(refused(three, 3, 4)).toThrow('4 times 3 physical cores cannot be had: no more than 3 such parts can be had without one that lies in several NUMA nodes or sockets')
    expect(refused(quadHt, 9, 3)).toThrow('3 times 9 physical cores cannot be had: it takes 2 NUMA nodes or sockets of 8 physical cores which nobody else uses')
    expect(refused(quadSmall, 6, 3)).toThrow(/cannot be had/)
  })

  it('of fast ones only, all alike', () => {
    expect(processors(REAL.alderLake, 3, 2)).toEqual([range(0, 6), range(6, 12)])
    expect(refused(REAL.alderLake, 7, 1)).toThrow('7 physical cores cannot be had: there are only 6 here; 8 physical cores of another kind (processors 12-19) must be named one by one')
    expect(processors(REAL.meteorLake, 6, 1)).toEqual([range(0, 12)])
    expect(refused(REAL.meteorLake, 1, 7)).toThrow('10 physical cores of another kind (processors 12-21)')
    expect(processors(REAL.rk3588, 2, 2)).toEqual([[4, 5], [6, 7]])
    expect(refused(REAL.rk3588, 5, 1)).toThrow('4 physical cores of another kind (processors 0-3)')
    expect(processors(REAL.pi, 1, 4)).toEqual([[0], [1], [2], [3]])
  })

  it('have their memory nearby', () => {
    expect(assignCores(REAL.threadripper, { tasks: 4, coresEach: 8 }).map(({ nodes }) => nodes)).toEqual([[0], [1], [2], [3]])
    expect(assignCores(REAL.threadripper, { tasks: 2, coresEach: 12 }).map(({ nodes }) => nodes)).toEqual([[0, 1], [2, 3]])
    expect(assignCores(REAL.xeon, { tasks: 1, coresEach: 12 })).toEqual([{ cores: range(0, 12), processors: range(0, 12), nodes: [0, 1] }])
  })

  it('are taken from sockets together before others', () => {
    const topology = machine([
      { package: 0, node: 0, cores: [[0], [1]] }, { package: 1, node: 1, cores: [[2], [3]] },
      { package: 0, node: 2, cores: [[4], [5]] }, { package: 1, node: 3, cores: [[6], [7]] }
    ])

    expect(cores(topology, 4, 2)).toEqual([[0, 1, 4, 5], [2, 3, 6, 7]])
  })

  it('leave out those of others', () => {
    expect(cores(dualHt, 1, 2, [0, 1, 8])).toEqual([[9], [2]])
    expect(cores(dualHt, 6, 1, [0, 1, 2])).toEqual([[8, 9, 10, 11, 12, 13]])
    expect(() => cores(dualHt, 9, 1, [0])).toThrow(/it takes 2 NUMA nodes or sockets of 8 physical cores which nobody else uses/)
    expect(() => cores(singleHt, 1, 1, [0, 1, 2, 3])).toThrow('1 physical core cannot be had: none of the 4 here is free')
  })

  it('are never half ones', () => {
    expect(refused(machine([{ cores: [[0, 1]] }], '0'), 1, 1)).toThrow('1 physical core cannot be had: there are none here; cores of which this process may use only a part (processors 0) do not count')
    expect(cores(machine([{ cores: [[0, 4], [1, 5], [2, 6]] }], '0-2,5-6'), 2, 1)).toEqual([[1, 2]])
  })

  it('belong to one task each, whole, as many as asked for, alike and together', () => {
    const threads = fc.constantFrom(1, 2, 4)
    const parts = fc.array(fc.record({ package: fc.nat(2), node: fc.nat(2), size: fc.integer({ min: 1, max: 6 }), threads, capacity: fc.constantFrom(400, 1_000, 1_024) }), { minLength: 1, maxLength: 5 })

    fc.assert(fc.property(parts, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 8 }), fc.array(fc.nat(40)), (shapes, tasks, coresEach, taken) => {
      let next = 0
      const topology = machine(shapes.map(({ size, threads, ...part }) => ({ ...part, cores: range(0, size).map(() => range(0, threads).map(() => next++)) })))
      const byId = new Map(topology.processors.map(processor => [processor.id, processor]))
      let assigned

      try {
        assigned = assignCores(topology, { tasks, coresEach, taken })
      } catch (err) {
        expect(err).toMatchObject({ name: 'MeshmarkError', code: 'refused' })
        expect((err as Error).message).not.toMatch(/undefined|NaN|\n/)
        return
      }

      const all = assigned.flatMap(task => task.cores)

      expect(assigned).toHaveLength(tasks)
      expect(new Set(all).size).toBe(all.length)
      expect(all.filter(core => taken.includes(core))).toEqual([])

      const fastest = Math.max(...topology.processors.map(({ speed }) => speed ?? 0))

      for (const task of assigned) {
        const members = topology.processors.filter(({ core }) => task.cores.includes(core))
        const units = new Set(members.map(member => `${member.package}/${member.node}`))

        expect(task.cores).toHaveLength(coresEach)
        expect(task.processors).toEqual(members.map(({ id }) => id))
        expect(task.nodes).toEqual([...new Set(members.map(({ node }) => node))].sort())
        expect(members.every(({ speed }) => (speed ?? 0) >= 0.95 * fastest)).toBe(true)
        expect(members.length % coresEach).toBe(0)
        expect(chosenCores(topology, task.processors)).toEqual(task)

        // a unit that a task has beside another one is its alone
        if (units.size > 1) {
          const strangers = all.filter(core => !task.cores.includes(core)).map(core => byId.get(core)!)

          expect(strangers.filter(({ package: socket, node }) => units.has(`${socket}/${node}`))).toEqual([])
        }
      }
    }), { numRuns: 500 })
  })
})

describe('chosen processors', () => {
  it('are taken as whole cores', () => {
    expect(chosenCores(singleHt, [5, 0, 4, 1])).toEqual({ cores: [0, 1], processors: [0, 1, 4, 5], nodes: [0] })
    expect(chosenCores(REAL.alderLake, range(12, 16))).toEqual({ cores: range(12, 16), processors: range(12, 16), nodes: [0] })
  })

  it('are refused when they would split a core', () => {
    expect(() => chosenCores(singleHt, [0, 1, 5])).toThrow('the processors 0-1,5 cannot be used: 0,4 are one core: add 4, or leave out 0')
    expect(() => chosenCores(singleHt, [4])).toThrow('0,4 are one core: add 0, or leave out 4')
  })

  it('are refused when this process may not use them', () => {
    expect(() => chosenCores(singleHt, [0, 4, 8])).toThrow('the processors 0,4,8 cannot be used: this process may use 0-7, and not 8')
    expect(() => chosenCores(machine([{ cores: [[0], [1]] }], '1'), [0])).toThrow('this process may use 1, and not 0')
    expect(() => chosenCores(machine([{ cores: [[0, 2], [1, 3]] }], '0-1'), [0])).toThrow('0,2 are one core: this process may use only a part of it, leave out 0')
  })

  it('are refused when they are of different speed', () => {
    expect(() => chosenCores(REAL.alderLake, [0, 1, 12])).toThrow('the processors 0-1,12 cannot be used: cores of different kinds would be mixed: leave out 12')
  })
})
