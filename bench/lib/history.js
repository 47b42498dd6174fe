import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { join } from 'node:path'
import { ulid } from 'ulid'

/** Facts of one write. */
const GROUP = 2_000
const WORKERS = 8

/**
 * Writes the facts of so many finished jobs of one client into the journal of a
 * master that is not running: sealed job, acceptance, assignment, result, end.
 * Resolves with the ids, the oldest first.
 */
export async function writeHistory ({ dist, journal: dir, master, keyFile, peerId, jobs, signal }) {
  const { Journal } = await import(join(dist, 'store/journal.js'))
  const { Replica } = await import(join(dist, 'roles/master/replica/replica.js'))
  const { encodeJob, encodeResult } = await import(join(dist, 'node/protocol/model/index.js'))
  const { seal } = await import(join(dist, 'node/membership.js'))
  const { JOB_DOMAIN } = await import(join(dist, 'roles/job-seal.js'))
  const { loadOrCreateIdentity } = await import(join(dist, 'node/identity.js'))
  const identity = await loadOrCreateIdentity(keyFile)
  const workers = await Promise.all(Array.from({ length: WORKERS }, async () => peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()))
  const journal = await Journal.open(dir)
  const ids = []

  if (peerIdFromPrivateKey(identity).toString() !== peerId) {
    throw new Error(`${keyFile} is not the key of ${peerId}`)
  }

  try {
    const replica = await Replica.open(journal, { peerId: master })
    let facts = []

    for (let number = 0; number < jobs; number++) {
      signal.throwIfAborted()

      const atMs = Date.now() - (jobs - number) * 60_000
      const id = ulid(atMs)
      const key = { job: id, task: 'any', worker: workers[number % WORKERS], attempt: 0 }
      const execution = `${id}/any/${key.worker}/0`
      const sealed = await seal(identity, JOB_DOMAIN, encodeJob(jobOf(id, peerId, number, atMs)))

      ids.push(id)
      facts.push(
        { key: `job/${id}`, value: sealed },
        { key: `accepted/${id}`, value: json({ acceptedAtMs: atMs, targets: [{ task: 'any' }] }) },
        { key: `assign/${execution}`, value: new Uint8Array(0) },
        { key: `result/${execution}`, value: encodeResult(resultOf(key, atMs)) },
        { key: `end/${id}`, value: json({ atMs: atMs + 900 }) }
      )

      if (facts.length >= GROUP || number === jobs - 1) {
        await replica.write(facts)
        facts = []
      }
    }
  } finally {
    await journal.close()
  }

  return ids
}

function jobOf (id, client, number, submittedAt) {
  return {
    id,
    client,
    name: `job-${number}`,
    kind: 'exec',
    commands: [{ argv: ['./solve', '--size', String(number)], program: { kind: 'name', name: 'solve' } }],
    env: { THREADS: '4' },
    limits: {},
    placement: { on: 'any', where: [] },
    plan: { kind: 'once' },
    submittedAt
  }
}

function resultOf (key, atMs) {
  return {
    key,
    outcome: 'done',
    commands: [{
      command: 0,
      samples: [{
        command: 0, run: 0, startNs: 0, wallNs: 812_345_678, cpuNs: 800_000_000, userNs: 700_000_000, systemNs: 100_000_000, minorFaults: 1_200, majorFaults: 0, voluntarySwitches: 12, involuntarySwitches: 3, exit: { kind: 'code', code: 0 }, leftovers: 0
      }],
      warmups: 0,
      memoryBytes: 12_345_678,
      memoryMethod: 'cgroup-v2-peak',
      cpuMethod: 'cgroup-v2',
      output: { stdoutDigest: 'ab'.repeat(32), stdoutBytes: 120, stderrBytes: 0, same: true, truncated: false }
    }],
    startedAt: atMs + 40,
    finishedAt: atMs + 870,
    waitedMs: 0
  }
}

function json (value) {
  return Buffer.from(JSON.stringify(value))
}
