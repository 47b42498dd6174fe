/**
 * How long until a file of 50 MiB is on eight machines?
 *
 *   npm run bench -- fanout [--rounds N] [--workers N] [--mib N] [--rates 200,1000] [--seed N]
 *
 * Every machine is a network namespace of this one, its link bounded by the
 * kernel's token bucket (tc tbf) in both directions: 200 Mbit/s, then 1 Gbit/s.
 * Rounds. In each, and in random order:
 * - a job of `run --on all --with FILE true` from a client that is connected,
 *   beside the master, with a file that nobody has seen before: from its
 *   submission until the client hears that the last worker has it, every chunk
 *   verified before it was passed on. And the very same again, when everybody
 *   has it. What is measured begins when all have it, so this is the time of the
 *   distribution alone, as that of the others is;
 * - a job of `exec --on all --with FILE true` with another such file, to its last
 *   result: the workers that have it run the program while others still wait for
 *   it. And the very same again;
 * - pdcp and clush --copy from the same machine over connections of ssh that
 *   are open; what arrived is hashed afterwards, outside of their time;
 * - a bare chain: libp2p as it comes, with windows as large, from a client over
 *   the first machine to all others, passed on as it comes, hashed once at each,
 *   on no disk; and the same over the transport of Meshmark, to tell what of the
 *   difference is its noise and what its protocol.
 *
 * Eight workers, a master and a client share the cores of one machine here: at
 * 1 Gbit/s these are what bounds it, and the time that the processors of the
 * mesh took stands beside.
 *
 * Fails when the interval lies wholly beyond it: at 200 Mbit/s the better of
 * pdcp and clush must take 5 times as long, at 1 Gbit/s 1.6 times as long and
 * the bare chain 80 % of the time at least; what is there already 100 ms at most.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { fail, say } from '../scripts/lib/process.js'
import { bootstrapMedian, middle } from './lib/bootstrap.js'
import { CalledProcess } from './lib/calls.js'
import { CopyFleet } from './lib/copy-fleet.js'
import { LocalMesh } from './lib/local-mesh.js'
import { Random } from './lib/random.js'
import { touchMemory } from './lib/memory.js'
import { load, machine, save, table } from './lib/record.js'
import { ShapedNetwork } from './lib/shaped-network.js'

/** What --quick stands for: a look, with wide intervals. */
export const QUICK = ['--rounds', '4']

const MIB = 1024 * 1024
const MASTER = 'master-1'
const PROCESS = join(import.meta.dirname, 'lib/fanout-process.js')
const BOUNDS = { 200: { copies: 5 }, 1000: { copies: 1.6, chain: 0.8 } }
const AGAIN_MS = 100
const NAMES = ['to all', 'to all, once it is there', 'the same again', 'job', 'job with the same again', 'pdcp', 'clush', 'bare chain', 'bare chain, our transport']

/** Code is compiled, and connections between workers are opened. */
const REHEARSALS = 3

/** Of the file that each machine may have in memory at once: what comes in, on the disk, in a sandbox. */
const COPIES = 3

/** Before each, so that the sandboxes of the workers are ready again: they take the same processors. */
const SETTLE_MS = 2_500

/** @param {AbortSignal} interruption after which everything is taken down */
export async function bench (args, interruption) {
  const { values } = parseArgs({ args, options: { rounds: { type: 'string', default: '7' }, workers: { type: 'string', default: '8' }, mib: { type: 'string', default: '50' }, rates: { type: 'string', default: '200,1000' }, seed: { type: 'string', default: '1' } } })
  const [rounds, workers, mib] = [Number(values.rounds), Number(values.workers), Number(values.mib)]
  const rates = values.rates.split(',').map(Number)

  if (![rounds, workers, mib, ...rates].every(number => Number.isInteger(number) && number >= 1) || workers < 2 || workers > 100) {
    fail('bench: --rounds, --workers (2 to 100), --mib and --rates take whole numbers above 0')
  }

  const began = load()
  const random = new Random(Number(values.seed))
  const folder = mkdtempSync(join(tmpdir(), 'meshmark-fanout-'))
  const receivers = Array.from({ length: workers }, (_, i) => `worker-${i + 1}`)
  const started = [{ stop: async () => { rmSync(folder, { recursive: true, force: true }) } }]
  const results = []

  try {
    const network = new ShapedNetwork([MASTER, ...receivers])

    started.push({ stop: async () => { network.remove() } })

    const keep = async start => {
      const one = await start

      started.push(one)

      return one
    }
    const copies = await keep(CopyFleet.start(network, MASTER, receivers, interruption))
    const mesh = await keep(LocalMesh.start({ workers, network }))
    const client = new Called(network, MASTER, mesh.env)

    started.push(client)
    await client.call('connect', { addresses: mesh.addresses })

    const chains = { 'bare chain': await keep(Chain.start(network, [MASTER, MASTER, ...receivers], false)), 'bare chain, our transport': await keep(Chain.start(network, [MASTER, MASTER, ...receivers], true)) }

    for (const rate of rates) {
      network.shape(rate)

      const times = Object.fromEntries(NAMES.map(name => [name, []]))
      const used = []
      const fresh = async work => {
        const file = join(folder, `payload-${times.job.length}-${randomBytes(4).toString('hex')}`)

        writeRandom(file, mib)

        await delay(SETTLE_MS, undefined, { signal: interruption })
        touchMemory(COPIES * (workers + 1) * mib * MIB)

        try {
          return await work(file)
        } finally {
          rmSync(file)
        }
      }
      const copy = name => async () => fresh(async file => {
        const digest = await client.call('hash', { file })

        times[name].push(await copies[name](file))
        copies.verify(basename(file), digest)
      })
      const [pdcp, clush] = [copy('pdcp'), copy('clush')]
      const contestants = [
        async () => fresh(async file => {
          const first = await client.call('job', { file, measured: true })
          const again = await client.call('job', { file, measured: true })

          first.notes.forEach(note => { say(`bench: ${note}`) })
          times['to all'].push(first.delivered - first.submitted)
          times['to all, once it is there'].push(first.delivered - first.accepted)
          times['the same again'].push(again.delivered - again.submitted)
        }),
        async () => fresh(async file => {
          const before = mesh.processorSeconds()
          const first = await client.call('job', { file })

          used.push(mesh.processorSeconds() - before)

          const again = await client.call('job', { file })

          times.job.push(first.lastResult - first.submitted)
          times['job with the same again'].push(again.lastResult - again.submitted)
        }),
        pdcp,
        clush,
        ...Object.entries(chains).map(([name, chain]) => async () => fresh(async file => { times[name].push(await chain.send(file, mib * MIB, await client.call('hash', { file }))) }))
      ]

      for (const once of contestants) {
        // those that are compiled already need no more than one
        for (let i = 0; i < (once === pdcp || once === clush ? 1 : REHEARSALS); i++) {
          interruption.throwIfAborted()
          await once()
        }
      }

      ;[...Object.values(times), used].forEach(list => { list.length = 0 })

      for (let round = 1; round <= rounds; round++) {
        for (const once of random.shuffled(contestants)) {
          interruption.throwIfAborted()
          await once()
        }

        say(`bench: ${rate} Mbit/s, round ${round} of ${rounds}: ${Object.entries(times).map(([name, all]) => `${name} ${Math.round(all.at(-1))} ms`).join(', ')}`)
      }

      results.push({ rate, timesMs: times, processorSeconds: used, ratios: ratiosOf(rate, times) })
    }
  } finally {
    for (const one of started.reverse()) {
      await one.stop()
    }
  }

  const result = { bench: 'fanout', machine: machine(), load: [began, load()], workers, mib, rounds, results }

  for (const { rate, timesMs, processorSeconds, ratios } of results) {
    process.stdout.write(`${[
      `${mib} MiB to ${workers} workers at ${rate} Mbit/s`,
      table([['', 'n', 'median, 95 %, ms', 'least'], ...Object.entries(timesMs).map(([name, all]) => [name, String(all.length), interval(bootstrapMedian(all), 0), Math.min(...all).toFixed(0)])]),
      table([['within a round', 'median, 95 %', 'bound', 'kept'], ...ratios.map(ratio => [ratio.name, interval(ratio, 2), ratio.atLeast != null ? `at least ${ratio.atLeast}` : ratio.atMost != null ? `at most ${ratio.atMost}` : '', verdictOf(ratio)])]),
      `the master and the workers took ${middle(processorSeconds).toFixed(2)} s of processor time for a job: ${(middle(processorSeconds) * 1_000 / result.machine.cores).toFixed(0)} ms on ${result.machine.cores} cores, whatever the links are`
    ].join('\n\n')}\n\n`)
  }

  save('fanout', result)

  if (results.some(({ ratios }) => ratios.some(ratio => verdictOf(ratio) === 'NO'))) {
    process.exitCode = 1
  }

  return result
}

function ratiosOf (rate, times) {
  const bounds = BOUNDS[rate] ?? {}
  const best = times.pdcp.map((time, round) => Math.min(time, times.clush[round]))
  const to = (name, others) => bootstrapMedian(times[name].map((time, round) => others[round] / time))

  return [
    { name: 'the better of pdcp and clush / to all', ...to('to all', best), atLeast: bounds.copies },
    { name: 'bare chain / to all', ...to('to all', times['bare chain']), atLeast: bounds.chain },
    { name: 'bare chain, our transport / to all', ...to('to all', times['bare chain, our transport']) },
    { name: 'bare chain / to all, once it is there', ...to('to all, once it is there', times['bare chain']) },
    { name: 'the better of pdcp and clush / job', ...to('job', best) },
    { name: 'the same again, ms', ...bootstrapMedian(times['the same again']), atMost: AGAIN_MS }
  ]
}

/** Processes that pass bytes on as they come, one after the other. */
class Chain {
  #links = []

  static async start (network, places, own) {
    const chain = new Chain()

    try {
      for (const place of places) {
        const link = new Called(network, place, process.env)

        chain.#links.push(link)
        link.address = await link.call('listen', { address: network.addressOf(place), own })
      }

      for (const [i, link] of chain.#links.slice(0, -1).entries()) {
        await link.call('dial', { address: chain.#links[i + 1].address })
      }
    } catch (err) {
      await chain.stop()
      throw err
    }

    return chain
  }

  /** Milliseconds until all of them have all of it. */
  async send (file, size, digest) {
    const [first, ...others] = this.#links

    await Promise.all(others.map(async link => link.call('expect', { size, digest })))

    const from = performance.now()

    await Promise.all([first.call('send', { file }), ...others.map(async link => link.call('arrived'))])

    return performance.now() - from
  }

  async stop () {
    await Promise.all(this.#links.splice(0).map(async link => link.stop()))
  }
}

class Called extends CalledProcess {
  constructor (network, place, env) {
    super(PROCESS, { env: { ...process.env, ...env }, ...network.fork(place) })
  }
}

function writeRandom (path, mib) {
  const file = openSync(path, 'w')

  for (let i = 0; i < mib; i++) {
    writeSync(file, randomBytes(MIB))
  }

  closeSync(file)
}

function interval ({ median, low, high }, digits) {
  return `${median.toFixed(digits)} [${low.toFixed(digits)}, ${high.toFixed(digits)}]`
}

function verdictOf ({ low, high, atLeast, atMost }) {
  if (atLeast != null) {
    return high < atLeast ? 'NO' : low >= atLeast ? 'yes' : 'overlaps'
  }

  return atMost == null ? '' : low > atMost ? 'NO' : high <= atMost ? 'yes' : 'overlaps'
}
