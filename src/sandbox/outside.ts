/**
 * What a box without a /proc cannot tell of itself, read in the worker's own
 * /proc. The worker may: whoever made a user namespace has every capability
 * over the processes in it.
 */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { NAMESPACES } from './namespaces.ts'
import { dataBytes, statusFacts, statusField, writableMounts } from './process-facts.ts'
import type { RunnerFacts, RunnerUse } from './protocol.ts'

/** Thread ids of the runner, in the box's numbers. */
export function threadsOf (runner: number): number[] {
  return readdirSync(`/proc/${runner}/task`).flatMap(tid => {
    let status: string

    try {
      status = readFileSync(`/proc/${runner}/task/${tid}/status`, 'latin1')
    } catch {
      // Ended meanwhile.
      return []
    }

    const inside = Number(/^NSpid:.*\s(\d+)$/m.exec(status)?.[1])

    if (!(inside > 0)) {
      throw new Error('the kernel does not say the numbers of threads in a box')
    }

    return [inside]
  }).sort((a, b) => a - b)
}

/** What the runner itself takes of its box's limits. */
export function useOf (runner: number): RunnerUse {
  return { threads: readdirSync(`/proc/${runner}/task`).length, dataBytes: dataBytes(readFileSync(`/proc/${runner}/status`, 'latin1')) }
}

/** Of the program that the runner has started to be looked at. Throws when there is not exactly one. */
export function programFacts (runner: number): RunnerFacts {
  const [program, ...more] = childrenOf(runner)

  if (program == null || more.length > 0) {
    throw new Error('the program that shows what holds in a box was not found')
  }

  const read = (name: string) => readFileSync(`/proc/${program}/${name}`, 'latin1')
  const status = read('status')

  return {
    ...statusFacts(status),
    uid: insideUid(read('uid_map'), Number(statusField(status, 'Uid'))),
    namespaces: Object.fromEntries(NAMESPACES.flatMap(name => {
      const link = `/proc/${program}/ns/${name}`

      return existsSync(`/proc/self/ns/${name}`) ? [[name, readlinkSync(link)]] : []
    })),
    writable: writableMounts(read('mountinfo'))
  }
}

/** Lines of user_namespaces(7): first inside, first outside, how many. */
export function insideUid (map: string, uid: number): number {
  for (const line of map.trim().split('\n')) {
    const [inside = NaN, outside = NaN, count = NaN] = line.trim().split(/\s+/).map(Number)

    if (uid >= outside && uid < outside + count) {
      return inside + uid - outside
    }
  }

  throw new Error(`uid ${uid} is not in the map of the box`)
}

function childrenOf (parent: number): number[] {
  return readdirSync('/proc').filter(name => /^\d+$/.test(name)).map(Number).filter(pid => {
    try {
      return Number(statusField(readFileSync(`/proc/${pid}/status`, 'latin1'), 'PPid')) === parent
    } catch {
      // Ended meanwhile.
      return false
    }
  })
}
