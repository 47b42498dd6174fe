import { readdirSync, readFileSync } from 'node:fs'

/** USER_HZ, the same on every Linux that Node.js runs on. */
const TICK_MS = 10

/**
 * Processor time so far of what this process has started, in milliseconds: of
 * masters, of workers, and of everything below these, which is their boxes with
 * the programs in them. Of a process that has ended only what its parent has
 * waited for.
 */
export function cpuShares () {
  const all = processes()
  const shares = { master: 0, worker: 0, boxes: 0, client: process.cpuUsage().user / 1_000 + process.cpuUsage().system / 1_000 }

  const below = pid => [...all].filter(([, { parent }]) => parent === pid).map(([child]) => child)
  const total = pid => {
    const { ownMs, waitedMs } = all.get(pid)

    return ownMs + waitedMs + below(pid).reduce((sum, child) => sum + total(child), 0)
  }

  for (const pid of below(process.pid)) {
    const { ownMs, words } = all.get(pid)
    const role = ['master', 'worker'].find(role => words.includes(role))

    if (role != null) {
      shares[role] += ownMs
      shares.boxes += total(pid) - ownMs
    }
  }

  return shares
}

export function difference (after, before) {
  return Object.fromEntries(Object.entries(after).map(([name, ms]) => [name, ms - before[name]]))
}

function processes () {
  const all = new Map()

  for (const name of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      // behind the name of the program, which may hold anything: proc(5)
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ').map(Number)

      all.set(Number(name), {
        parent: fields[1],
        ownMs: (fields[11] + fields[12]) * TICK_MS,
        waitedMs: (fields[13] + fields[14]) * TICK_MS,
        words: readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0')
      })
    } catch {
      // it has ended meanwhile
    }
  }

  return all
}
