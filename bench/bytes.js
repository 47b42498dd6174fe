/**
 * What do bytes cost between two nodes?
 *
 *   npm run bench -- bytes [--rounds N] [--mib N]
 *
 * Two processes on loopback. In each round, and in random order, the same
 * random bytes (50 MiB) go from one to the other
 * - as a payload: every chunk framed, checked against its digest, written, and
 *   the whole fsynced,
 * - over a bare libp2p stream of the same transport (noise, yamux), hashed,
 *   written and fsynced just so,
 * - over a bare libp2p stream, only counted,
 * - over plain TCP, only counted: what the machine can do.
 *
 * The time is from the first byte to the other side's word that all is there.
 * Beside it the processor time of both processes. Printed ratios are of the
 * times within one round, with the bootstrap interval of their median.
 *
 * Fails when a payload, with an interval wholly beyond it, takes more than
 * 1.25 times as long as the bare stream that does the same work.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fail, say } from '../scripts/lib/process.js'
import { bootstrapMedian, middle } from './lib/bootstrap.js'
import { CalledProcess } from './lib/calls.js'
import { Random } from './lib/random.js'
import { load, machine, save, table } from './lib/record.js'

/** What --quick stands for: a look, with wide intervals. */
export const QUICK = ['--rounds', '5']

const MiB = 1024 * 1024
const BOUND = 1.25
const WAYS = ['payload', 'bare+', 'bare', 'tcp']
const NAMES = { payload: 'payload', 'bare+': 'bare stream, hashed and written', bare: 'bare stream', tcp: 'plain TCP' }

/** @param {AbortSignal} interruption after which everything is taken down */
export async function bench (args, interruption) {
  const { values } = parseArgs({ args, options: { rounds: { type: 'string', default: '15' }, mib: { type: 'string', default: '50' }, seed: { type: 'string', default: '1' } } })
  const rounds = Number(values.rounds)
  const size = Number(values.mib) * MiB

  if (!Number.isInteger(rounds) || rounds < 1 || !(size > 0)) {
    fail(`bench: --rounds ${values.rounds} --mib ${values.mib}: give whole numbers above 0`)
  }

  const began = load()
  const random = new Random(Number(values.seed))
  const path = join(import.meta.dirname, 'lib/bytes-node.js')
  const [receiver, sender] = [new CalledProcess(path), new CalledProcess(path)]
  const taken = Object.fromEntries(WAYS.map(how => [how, []]))

  try {
    const place = await receiver.call('listen')

    await sender.call('prepare', { size, seed: values.seed })

    const digest = await sender.call('digest')
    // the first of each is a rehearsal: code is compiled, windows grow
    for (let round = 0; round <= rounds; round++) {
      for (const how of random.shuffled(WAYS)) {
        interruption.throwIfAborted()
        await receiver.call('forget')
        await receiver.call('expect', { how, size, digest })

        const [sent, arrived] = await Promise.all([sender.call('send', { how, ...place }), receiver.call('arrived')])

        if (round > 0) {
          taken[how].push({ ms: sent.ms, senderCpuMs: sent.cpuMs, receiverCpuMs: arrived.cpuMs })
        }
      }
    }
  } finally {
    await Promise.all([receiver.stop(), sender.stop()])
  }

  const ratioTo = (how, other) => bootstrapMedian(taken[how].map(({ ms }, round) => ms / taken[other][round].ms))
  const ratios = { 'payload to bare stream with the same work': ratioTo('payload', 'bare+'), 'payload to bare stream': ratioTo('payload', 'bare'), 'bare stream to TCP': ratioTo('bare', 'tcp') }
  const result = { bench: 'bytes', machine: machine(), load: [began, load()], bytes: size, rounds, bound: BOUND, ratios, taken }
  const of = (how, key) => middle(taken[how].map(entry => entry[key]))

  process.stdout.write(`${table([
    ['', 'median', 'MiB/s', 'cpu of sender', 'of receiver'],
    ...WAYS.map(how => [NAMES[how], `${of(how, 'ms').toFixed(0)} ms`, (size / MiB / of(how, 'ms') * 1_000).toFixed(0), `${of(how, 'senderCpuMs').toFixed(0)} ms`, `${of(how, 'receiverCpuMs').toFixed(0)} ms`])
  ])}\n\n${table([
    ['ratio of times', 'median, 95 %'],
    ...Object.entries(ratios).map(([name, { median, low, high }]) => [name, `${median.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`])
  ])}\n`)
  save('bytes', result)

  const [[, judged]] = Object.entries(ratios)

  if (judged.low > BOUND) {
    say(`bench: a payload takes more than ${BOUND} times as long as a bare stream with the same work`)
    process.exitCode = 1
  }
}
