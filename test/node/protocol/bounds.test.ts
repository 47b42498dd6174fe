import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MeshmarkError } from '../../../src/model/errors.ts'
import { CHUNK_SIZE, MAX_CHUNKS, MAX_FILES } from '../../../src/model/payload.ts'
import { payload } from '../../../src/node/protocol/payload/index.ts'
import { slot } from '../../../src/node/protocol/slot/index.ts'
import { MAX_BATCH } from '../../../src/node/protocol/slot/messages.ts'
import { submit } from '../../../src/node/protocol/submit/index.ts'
import { task } from '../../../src/node/protocol/task/index.ts'
import { decodeJob, encodeJob } from '../../../src/node/protocol/model/index.ts'
import { join } from '../../../src/node/protocol/join/index.ts'
import { register } from '../../../src/node/protocol/register/index.ts'
import { ENTRIES_PAGE_BYTES, MAX_ENTRIES, MAX_HOPS, mastersAsk, mastersBeat, mastersFollow } from '../../../src/node/protocol/masters/index.ts'
import { PROTOCOLS } from './rows.ts'
import * as arbitrary from './arbitraries.ts'
import type { Job } from '../../../src/model/job.ts'
import type { PayloadManifest } from '../../../src/model/payload.ts'
import type { ExecutionResult } from '../../../src/model/result.ts'
import type { Codec } from '../../../src/node/protocol/protocol.ts'
import type { Arbitrary } from 'fast-check'

const EXPECTED: Record<string, { openers: string[], listeners: string[] }> = {
  hello: { openers: ['stranger', 'client', 'admin', 'worker', 'master'], listeners: ['client', 'admin', 'worker', 'master'] },
  join: { openers: ['stranger', 'client', 'admin', 'worker', 'master'], listeners: ['master'] },
  register: { openers: ['worker'], listeners: ['master'] },
  slot: { openers: ['master'], listeners: ['worker'] },
  payload: { openers: ['master', 'worker', 'client'], listeners: ['master', 'worker'] },
  relay: { openers: ['master'], listeners: ['worker'] },
  task: { openers: ['worker'], listeners: ['master'] },
  results: { openers: ['worker'], listeners: ['master'] },
  submit: { openers: ['client', 'admin'], listeners: ['master'] },
  admin: { openers: ['admin'], listeners: ['master'] },
  clock: { openers: ['master'], listeners: ['worker'] },
  'masters-beat': { openers: ['master'], listeners: ['master'] },
  'masters-follow': { openers: ['master'], listeners: ['master'] },
  'masters-ask': { openers: ['master'], listeners: ['master'] }
}

describe('who may say what to whom', () => {
  it.each(Object.keys(PROTOCOLS))('%s', name => {
    const { id, openers, listeners, maxMessage, maxStreams, firstMessageMs, rate } = PROTOCOLS[name]!

    expect(id).toBe(`/meshmark/${name}/${name === 'slot' ? 2 : 1}.0.0`)
    expect([...openers].sort()).toEqual(EXPECTED[name]?.openers.sort())
    expect([...listeners].sort()).toEqual(EXPECTED[name]?.listeners.sort())
    expect(Math.min(maxMessage, maxStreams, firstMessageMs, rate.perSecond, rate.burst)).toBeGreaterThan(0)
  })

  it('a stranger reaches hello and join only, with small messages', () => {
    const open = Object.entries(PROTOCOLS).filter(([, { openers }]) => openers.includes('stranger'))

    expect(open.map(([name]) => name).sort()).toEqual(['hello', 'join'])
    expect(Math.max(...open.map(([, { maxMessage }]) => maxMessage))).toBeLessThanOrEqual(16 * 1024)
  })
})

describe('the largest that is allowed fits into a message', () => {
  it('a manifest of the most files and chunks, with long paths', () => {
    const manifest = largestManifest()

    expect(payload.request.encode({ kind: 'offer', manifest, ticket: new Uint8Array(4_096), job: one(arbitrary.jobId) }).byteLength).toBeLessThan(payload.maxMessage)
  })

  it('a job with that manifest, sealed, as a client submits it and a coordinator starts it', () => {
    const job = encodeJob({ ...one(arbitrary.job), kind: 'run', payload: largestManifest() })
    const request = { id: 1, claim: one(arbitrary.claim), jobId: one(arbitrary.jobId), executions: Array<string>(MAX_BATCH).fill(one(arbitrary.executionId)), reserved: false, job }

    expect(submit.request.encode({ kind: 'submit', job }).byteLength).toBeLessThan(submit.maxMessage)
    expect(slot.request.encode({ kind: 'start', ...request, startAtMs: 1e12 }).byteLength).toBeLessThan(slot.maxMessage)
    expect(decodeJob(job).payload?.chunks).toHaveLength(MAX_CHUNKS)
  })

  it('a chunk', () => {
    const chunk = { kind: 'chunk', index: MAX_CHUNKS - 1, data: new Uint8Array(CHUNK_SIZE) } as const

    expect(payload.request.encode(chunk).byteLength).toBeLessThan(payload.maxMessage)
    expect(payload.request.decode(payload.request.encode(chunk).subarray())).toEqual(chunk)
  })

  it('a page of facts, with the largest of them at its end', () => {
    const key = 'k'.repeat(1_024)
    const few = Array.from({ length: MAX_ENTRIES - 1 }, (_, index) => ({ origin: one(arbitrary.origin), seq: index + 1, key, value: new Uint8Array(ENTRIES_PAGE_BYTES / MAX_ENTRIES) }))
    const entries = [...few, { origin: one(arbitrary.origin), seq: MAX_ENTRIES, key, value: new Uint8Array(task.maxMessage) }]

    expect(mastersFollow.reply.encode({ kind: 'entries', entries }).byteLength).toBeLessThan(mastersFollow.maxMessage)
  })

  it('a result with 10,000 samples whose every number is as large as can be', () => {
    const result = resultOf(10_000, Number.MAX_SAFE_INTEGER)

    expect(task.request.encode({ kind: 'result', result, stdoutBytes: 0, stderrBytes: 0 }).byteLength).toBeLessThan(task.maxMessage)
    expect(submit.reply.encode({ kind: 'result', task: 'any', result }).byteLength).toBeLessThan(submit.maxMessage)
  })

  it('a result with 100,000 samples as programs are', () => {
    const result = resultOf(100_000, 3_000_000_000)
    const bytes = task.request.encode({ kind: 'result', result, stdoutBytes: 0, stderrBytes: 0 })
    const report = task.request.decode(bytes)

    expect(bytes.byteLength).toBeLessThan(task.maxMessage)
    expect(report.kind === 'result' && report.result.commands[0]?.samples.length).toBe(100_000)
  })
})

describe('out of bounds', () => {
  const refusals: Array<[string, Codec<any>, Arbitrary<any>, (message: any) => unknown, RegExp]> = [
    ['a start that is not a number', slot.request, kindOf(arbitrary.slot.request, 'start'), message => ({ ...message, startAtMs: NaN }), /^slot: .*startAtMs is not a finite number/],
    ['a term below zero', slot.request, kindOf(arbitrary.slot.request, 'renew'), message => ({ ...message, claim: { ...message.claim, term: -1 } }), /^slot: (renew )?claim term/],
    ['an execution that is none', slot.request, kindOf(arbitrary.slot.request, 'renew'), message => ({ ...message, execution: 'one/two' }), /^slot: .*execution is not an execution id/],
    ['a master that is no peer', slot.request, kindOf(arbitrary.slot.request, 'renew'), message => ({ ...message, claim: { ...message.claim, master: 'l0cal' } }), /^slot: .*master is not a peer id/],
    ['a job id in lower case', slot.request, kindOf(arbitrary.slot.request, 'cancel'), message => ({ ...message, job: `a${message.job.slice(1).toLowerCase()}` }), /^slot: .*job is not a job id/],
    ['a chunk that is too long', payload.request, kindOf(arbitrary.payload.request, 'chunk'), message => ({ ...message, data: new Uint8Array(CHUNK_SIZE + 1) }), /^payload: .*data/],
    ['a chunk that no payload has', payload.request, kindOf(arbitrary.payload.request, 'chunk'), message => ({ ...message, index: MAX_CHUNKS }), /^payload: .*index/],
    ['a path out of the payload', payload.request, kindOf(arbitrary.payload.request, 'offer'), message => ({ ...message, manifest: { ...message.manifest, files: [{ path: '../etc/passwd', size: 1, executable: false }] } }), /^payload: .*path/],
    ['a digest of the wrong length', payload.request, kindOf(arbitrary.payload.request, 'offer'), message => ({ ...message, manifest: { ...message.manifest, chunks: [new Uint8Array(31)] } }), /^payload: .*chunks/],
    ['a name that moves the cursor', join.request, kindOf(arbitrary.join.request, 'join'), message => ({ ...message, name: 'lab\u001b[2J' }), /^join: .*name/],
    ['a worker with a thousand labels', register.request, kindOf(arbitrary.register.request, 'register'), message => ({ ...message, info: { ...message.info, labels: Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`label-${index}`, ''])) } }), /^register: .*labels/],
    ['an origin that is a path', mastersFollow.reply, kindOf(arbitrary.mastersFollow.reply, 'entries'), message => ({ ...message, entries: [{ origin: '../job', seq: 1, key: 'job/x' }] }), /^masters-follow answer: .*origin/],
    ['an entry before the first', mastersFollow.reply, kindOf(arbitrary.mastersFollow.reply, 'entries'), message => ({ ...message, entries: [{ origin: one(arbitrary.origin), seq: 0, key: 'job/x' }] }), /^masters-follow answer: .*seq/],
    ['a heartbeat of an incarnation that is none', mastersBeat.request, arbitrary.mastersBeat.request, message => ({ ...message, incarnation: `${message.incarnation.slice(0, -1)}a` }), /^masters-beat: incarnation/],
    ['a relay that goes round', mastersAsk.request, kindOf(arbitrary.mastersAsk.request, 'relay'), message => ({ ...message, hops: MAX_HOPS + 1 }), /^masters-ask: .*hops/],
    ['an exit code that no program has', task.request, fc.constant(undefined), () => ({ kind: 'result', result: { ...resultOf(1, 1), commands: resultOf(1, 1).commands.map(command => ({ ...command, samples: command.samples.map(sample => ({ ...sample, exit: { kind: 'code', code: 256 } })) })) }, stdoutBytes: 0, stderrBytes: 0 }), /^task: .*code/]
  ]

  it.each(refusals)('%s is refused, and the error says where', (_, codec, message, spoil, error) => {
    fc.assert(fc.property(message, value => {
      expect(() => said(codec, spoil(value))).toThrowError(expect.objectContaining({ name: 'MeshmarkError', code: 'refused', message: expect.stringMatching(error) }))
    }), { numRuns: 20 })
  })

  it.each(Object.entries(PROTOCOLS))('%s: no message at all is refused', (name, { request, reply }) => {
    expect(() => request.decode(new Uint8Array(0))).toThrowError(expect.objectContaining({ code: 'refused', message: expect.stringContaining(name) }))
    expect(() => reply.decode(new Uint8Array(0))).toThrowError(expect.objectContaining({ code: 'refused', message: expect.stringContaining(name) }))
  })

  it.each(Object.entries(PROTOCOLS).filter(([name]) => !['clock', 'hello', 'masters-beat'].includes(name)))('%s: a kind of a later version is refused, naming the protocol', (name, { request }) => {
    // field 15, an empty message
    expect(() => request.decode(Uint8Array.of(0x7a, 0))).toThrowError(expect.objectContaining({ code: 'refused', message: expect.stringContaining(name) }))
  })

  it('the name of a variable holds no =', () => {
    fc.assert(fc.property(arbitrary.job, job => {
      const spoiled: Job = { ...job, env: { 'A=B': 'c' } }

      expect(() => decodeJob(encodeJob(spoiled))).toThrowError(/^job: env/)
    }), { numRuns: 20 })
  })
})

describe('numbers', () => {
  const exact = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 52 + 1, 2 ** 53 - 1))

  it('of nanoseconds are exact up to 2^53', () => {
    fc.assert(fc.property(exact, wallNs => {
      const report = task.request.decode(task.request.encode({ kind: 'result', result: resultOf(1, wallNs), stdoutBytes: 0, stderrBytes: 0 }))

      expect(report.kind === 'result' && report.result.commands[0]?.samples[0]?.wallNs).toBe(wallNs)
    }))
  })

  it('that a field cannot hold are refused or kept, never changed in silence', () => {
    fc.assert(fc.property(fc.oneof(fc.double(), fc.integer()), offset => {
      let sent: Uint8Array

      try {
        sent = task.request.encode({ kind: 'output', stream: 'stdout', offset, data: new Uint8Array(0) }).subarray()
        task.request.decode(sent)
      } catch {
        return
      }

      const heard = task.request.decode(sent)

      expect(heard.kind === 'output' && heard.offset).toBe(offset === 0 ? 0 : offset)
    }))
  })
})

/** What the other side makes of it. Some of it our own writer refuses before anybody can read it, for the same reason. */
function said<T> (codec: Codec<T>, value: T): T {
  let bytes: Uint8Array

  try {
    bytes = codec.encode(value).subarray()
  } catch (err) {
    if (err instanceof MeshmarkError && err.code === 'failed') {
      throw new MeshmarkError('refused', err.message.replace(' cannot be sent:', ':'))
    }

    throw err
  }

  return codec.decode(bytes)
}

function one<T> (values: Arbitrary<T>): T {
  return fc.sample(values, { numRuns: 1, seed: 7 })[0]!
}

function kindOf<K extends string> (messages: Arbitrary<any>, kind: K): Arbitrary<any> {
  return messages.filter(message => message.kind === kind)
}

function largestManifest (): PayloadManifest {
  return {
    id: 'a'.repeat(64),
    files: Array.from({ length: MAX_FILES }, (_, index) => ({ path: `${index}`.padStart(512, 'p'), size: CHUNK_SIZE, executable: true })),
    chunkSize: CHUNK_SIZE,
    chunks: Array.from({ length: MAX_CHUNKS }, (_, index) => new Uint8Array(32).fill(index))
  }
}

/** Every sample has `ns` for each of its times. */
function resultOf (samples: number, ns: number): ExecutionResult {
  const [job, task, worker, attempt] = one(arbitrary.executionId).split('/') as [string, string, string, string]

  return {
    key: { job, task, worker, attempt: Number(attempt) },
    outcome: 'done',
    commands: [{
      command: 0,
      warmups: 0,
      memoryMethod: 'none',
      cpuMethod: 'rusage',
      samples: Array.from({ length: samples }, (_, run) => ({
        command: 0,
        run,
        startNs: ns,
        wallNs: ns,
        cpuNs: ns,
        userNs: ns,
        systemNs: ns,
        minorFaults: 500,
        majorFaults: 0,
        voluntarySwitches: 3,
        involuntarySwitches: 1,
        exit: { kind: 'code', code: 0 },
        leftovers: 0
      }))
    }],
    startedAt: 1,
    finishedAt: 2,
    waitedMs: 0
  }
}
