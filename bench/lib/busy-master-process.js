/**
 * The HTTP interface and the page as a master serves them, with a mesh behind
 * it that changes all the time: every worker once a second, and so many jobs. Only the answers of the mesh are made up; routes, sessions, streams
 * and files are those of src/http.
 *
 *   node busy-master-process.js WORKERS JOBS CHANGING
 *
 * Writes its address to its parent, and ends with it.
 */
import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { serve } from '@hono/node-server'

const DIST = join(import.meta.dirname, '../../dist')
const [workers, jobs, changing] = process.argv.slice(2).map(Number)
// those that have moved on, and those that did a second ago
const every = Math.max(1, Math.round(2 * jobs / changing))
const { createApp } = await import(pathToFileURL(join(DIST, 'http/app.js')).href)
const { loadPage } = await import(pathToFileURL(join(DIST, 'http/page.js')).href)

const CPUS = ['AMD Ryzen 9 7950X 16-Core Processor', 'Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz', 'Cortex-A76', 'Apple M2']
const STATES = ['waiting', 'running', 'reserved', 'finished, delivering']
const beganMs = Date.now()
const second = () => Math.floor((Date.now() - beganMs) / 1_000)
const peerOf = number => `12D3KooW${String(number).padStart(44, 'w')}`
const idOf = number => `01M8${String(number).padStart(22, '0')}`

function info (number) {
  return {
    peerId: peerOf(number),
    name: `lab-${number}`,
    resources: { platform: 'linux', arch: number % 3 === 0 ? 'arm64' : 'x64', os: 'Debian GNU/Linux 13 (trixie)', kernel: '6.12.0', cpuModel: CPUS[number % CPUS.length], cores: 16, threads: 32, memoryBytes: 64 * 1024 ** 3, nodeVersion: 'v22.20.0', machineId: `m${number}`.padEnd(64, '0') },
    labels: { zone: `rack-${number % 20}`, kind: 'lab' },
    slots: 1,
    sandbox: { builder: 'bubblewrap', builderVersion: '0.11.0', namespaces: ['user', 'mount', 'pid', 'net', 'ipc', 'uts', 'cgroup'], uidMode: 'two-uids', filterHash: 'f'.repeat(64), cgroup: 'v2', methods: { cpu: 'cgroup-v2', memory: 'cgroup-v2', processes: 'cgroup-v2' }, proc: true, kernel: '6.12.0', canaries: Object.fromEntries(['network', 'ptrace', 'mount', 'setuid', 'proc', 'host-files'].map(name => [name, 'refused'])), caveats: [] },
    floor: { medianNs: 400_000 + number, minNs: 390_000 },
    tools: ['python', 'node', 'gcc', 'java', 'rustc'].map(name => ({ name, version: '3.11.2' }))
  }
}

const infos = Array.from({ length: workers }, (_, number) => info(number))

function nodes () {
  const now = second()
  const master = { role: 'master', peerId: peerOf('boss'), name: 'boss', state: 'coordinator', draining: false, sinceMs: Date.now() - beganMs, lastHeardMs: 0, term: 3, version: '0.1.0', addresses: [] }

  return [master, ...infos.map((info, number) => {
    const state = STATES[(number + now) % STATES.length]

    // each of them a little later than the one before
    return { role: 'worker', peerId: info.peerId, name: info.name, state, ...(state === 'running' ? { detail: `run ${now} of job q7x2m9ka` } : {}), draining: false, sinceMs: (Date.now() - beganMs) % 1_000, lastHeardMs: number % 900, info, version: '0.1.0', addresses: [`/ip4/10.0.0.${number % 250}/tcp/4747`] }
  })]
}

function jobRow (number) {
  const tasks = 100

  return { id: idOf(number), name: `nightly-${number}`, title: `./bench --size ${number} --mode fast`, kind: number % 2 === 0 ? 'run' : 'exec', state: number % 2 === 0 ? 'running' : 'queued', acceptedAt: beganMs - number * 1_000, tasks, ended: number % every === second() % every ? second() % tasks : 0, failed: 0, mine: true }
}

const client = {
  nodes: async () => nodes(),
  jobs: async (limit, { state } = {}) => Array.from({ length: jobs }, (_, number) => jobRow(number)).filter(job => state == null || job.state === state).slice(0, limit),
  close: async () => {}
}
const app = createApp({
  bearers: {
    check: text => ({ id: text, role: 'admin', access: 'full', expiresAt: Date.now() + 3_600_000 }),
    connect: async () => client,
    onRevoked: () => {}
  },
  facts: { name: 'boss', peerId: peerOf('boss'), meshId: 'M', version: '0.1.0', urlsOf: () => [] },
  figures: () => ({ coordinates: true, term: 3, workers: {}, jobs: {}, tasks: {}, payloadBytes: 0, payloadLimitBytes: 1 }),
  hosts: [],
  origins: [],
  fellows: () => [],
  page: await loadPage(),
  log: line => { process.stderr.write(`${line}\n`) }
})
const server = serve({ fetch: app.hono.fetch, hostname: '127.0.0.1', port: 0, overrideGlobalObjects: false })

await once(server, 'listening')
process.send?.(`http://127.0.0.1:${server.address().port}`)
process.once('disconnect', () => { process.exit() })
