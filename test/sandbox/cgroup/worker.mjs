/**
 * A worker's boxes with their control groups, in a process of its own: it gives
 * up root and moves between groups. Uses what was built.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const { Box, chooseUser, loadBoxFiles, preflight, settle } = await import('../../../dist/sandbox/index.js')
const { BoxGroup, CgroupHome } = await import('../../../dist/sandbox/cgroup/index.js')

const limits = {
  wallMs: 20_000, memoryBytes: 2 ** 27, processes: 64, outputBytes: 2 ** 20, fileBytes: 2 ** 28, tmpBytes: 2 ** 28, tmpInodes: 10_000, openFiles: 256
}

let dir
let ground
let options
let home

const actions = {
  settle: async wanted => {
    const files = await loadBoxFiles()

    ground = await settle({ user: chooseUser(), ...wanted })
    dir = mkdtempSync(join(tmpdir(), 'meshmark-test-'))
    options = { files, dir, ground }
    return { dir, methods: ground.cgroups?.methods, bounds: ground.cgroups?.bounds, folders: ground.cgroups?.folders, reason: ground.cgroupReason }
  },

  /** Without boxes. */
  home: async () => {
    home = CgroupHome.create()
    return typeof home === 'string' ? { reason: home } : { methods: home.methods, folders: home.folders, caveats: home.caveats, cgroup: readFileSync('/proc/self/cgroup', 'utf8') }
  },

  closeHome: async () => ({ left: await home.close(), cgroup: readFileSync('/proc/self/cgroup', 'utf8') }),

  run: async (script, more = {}) => {
    const box = await Box.create(options)
    const { killRunner, kind = 'run', runs = 1 } = more

    try {
      return await box.run({
        kind,
        commands: [{ argv: ['python3', 'p.py'], program: { kind: 'name', name: 'python3' } }],
        files: [{ path: 'p.py', size: Buffer.byteLength(script), executable: false, read: async function * () { yield Buffer.from(script) } }],
        env: {},
        limits: { ...limits, ...more.limits },
        plan: kind === 'exec' ? { kind: 'once' } : { kind: 'fixed', runs, warmup: 0 }
      }, { onEvent: event => { killRunner && event.kind === 'started' && process.kill(childOf(box.pid), 'SIGKILL') } })
    } finally {
      await box.close()
    }
  },

  /** The runner finds no group where it was told. */
  unreachable: async () => {
    const { cgroups } = ground
    const create = cgroups.createGroup.bind(cgroups)

    cgroups.createGroup = () => Object.assign(create(), { handles: () => ({ join: [9_999] }) })
    return preflight(options)
  },

  /** From here on runners enter their group with all their threads, as where it bounds memory in version 2. */
  whole: async () => {
    const folder = ground.cgroups.folders.find(folder => existsSync(join(folder, 'cgroup.type')))
    let boxes = 0

    ground.cgroups.createGroup = () => BoxGroup.create([{ kind: 'v2-process', folder, bills: ['cpu'] }], `whole-${boxes++}`)
  },

  /** Boxes' groups that are still there. */
  groups: async () => ground.cgroups.folders.flatMap(folder => readdirSync(folder, { withFileTypes: true }).filter(entry => entry.isDirectory()).map(({ name }) => name)),

  close: async () => ground.close(),

  alive: async () => true
}

function childOf (parent) {
  return Number(readdirSync('/proc').find(name => {
    try {
      return /^\d+$/.test(name) && new RegExp(`^PPid:\\s*${parent}$`, 'm').test(readFileSync(`/proc/${name}/status`, 'utf8'))
    } catch {
      return false
    }
  }))
}

process.on('message', async ({ id, action, args }) => {
  try {
    process.send({ id, value: await actions[action](...args) })
  } catch (err) {
    process.send({ id, error: err.stack })
  }
})

process.on('disconnect', () => {
  if (dir != null) {
    rmSync(dir, { recursive: true, force: true })
  }

  process.exit(0)
})

process.send({ ready: true })
