/**
 * A worker's sandbox in a process of its own: giving up root cannot be taken
 * back. Uses what was built, as a worker does.
 */
import { createHash } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const { Box, chooseUser, dropPrivileges, loadBoxFiles, measureFloor, preflight, settle } = await import('../../dist/sandbox/index.js')

const files = await loadBoxFiles(process.env.BUILDER == null ? {} : { builder: process.env.BUILDER })
const user = chooseUser()
let ground = { close: async () => {} }

if (process.env.SETTLE != null) {
  ground = await settle({ user, ...JSON.parse(process.env.SETTLE) })
} else if (user != null) {
  dropPrivileges(user)
}

if (process.env.DENY != null) {
  await deny(JSON.parse(process.env.DENY))
}

const dir = process.env.DIR ?? mkdtempSync(join(tmpdir(), 'meshmark-test-'))
const log = []
const affinity = process.env.AFFINITY == null ? undefined : JSON.parse(process.env.AFFINITY)
const options = { files, dir, ground, affinity, log: line => log.push(line) }
const limits = {
  wallMs: 60_000, memoryBytes: 2 ** 30, processes: 64, outputBytes: 2 ** 20, fileBytes: 2 ** 28, tmpBytes: 2 ** 28, tmpInodes: 10_000, openFiles: 256
}

const actions = {
  facts: async () => preflight(options),

  whoami: async () => ({ uid: process.getuid(), euid: process.geteuid(), groups: process.getgroups(), status: readFileSync('/proc/self/status', 'utf8') }),

  /** One task in a fresh box; `files` are texts, or `{ zeros }` and `{ base64 }`, and come as one file where the task says `together`. */
  run: async ({ together, ...task }, { until, hold } = {}) => {
    const controller = new AbortController()
    const box = await Box.create(options, {})
    const given = Object.entries(task.files ?? {}).map(toFile)
    const descriptor = together == null ? undefined : await openTogether(given, together)
    const seen = { stdout: '', stderr: '', stdoutBytes: 0, events: [], order: [], samples: 0, files: [], boxPid: box.pid }
    const hash = createHash('sha256')
    let held = false

    try {
      seen.report = await box.run({ ...task, limits: { ...limits, ...task.limits }, files: given, descriptor }, {
        signal: controller.signal,
        onEvent: async event => {
          seen.order.push(event.kind)

          if (event.kind === 'sample') {
            seen.samples++
            return
          }

          if (event.kind === 'file') {
            seen.files.push({ command: event.command, path: event.path, size: event.size, executable: event.executable, start: '', received: 0 })
            return
          }

          if (event.kind === 'content') {
            const file = seen.files.at(-1)

            file.start = (file.start + Buffer.from(event.data).toString('latin1')).slice(0, 100)
            file.received += event.data.length
            return
          }

          if (event.kind !== 'output') {
            seen.events.push(event)
            return
          }

          if (hold != null && !held) {
            held = true
            await new Promise(resolve => setTimeout(resolve, hold))
          }

          const text = Buffer.from(event.data).toString('latin1')

          if (event.stream === 'stdout') {
            hash.update(event.data)
            seen.stdoutBytes += event.data.length
          }

          seen[event.stream] = (seen[event.stream] + text).slice(0, 100_000)

          if (until != null && seen.stdout.includes(until)) {
            seen.processes = processesOf(box.pid)
            seen.peakKiB = process.resourceUsage().maxRSS
            controller.abort(new Error('seen enough'))
          }
        }
      })
    } catch (err) {
      seen.error = { name: err.name, message: err.message }
    }

    if (descriptor != null) {
      closeSync(descriptor)
    }

    await box.close()
    seen.closed = await box.closed
    seen.left = processesOf(box.pid).length
    seen.stdoutDigest = hash.digest('hex')
    return seen
  },

  /** One task several times in one box, each time with another command; stops when the box is not clean. */
  series: async (task, commands) => {
    const box = await Box.create(options)
    const seen = { times: [], boxPid: box.pid, threads: [] }
    const run = async start => {
      const texts = { stdout: '', stderr: '' }
      const brought = []

      try {
        const report = await start({
          onEvent: event => {
            if (event.kind === 'file') {
              brought.push(event.path)
            } else if (event.kind === 'output') {
              texts[event.stream] = (texts[event.stream] + Buffer.from(event.data).toString('latin1')).slice(0, 100_000)
            }
          }
        })

        seen.times.push({ ...texts, report, brought, clean: await box.isClean(), processes: processesOf(box.pid).length })
      } catch (err) {
        seen.times.push({ ...texts, error: err.message, clean: false })
      }
    }
    const [first, ...others] = commands

    await run(async o => box.run({ ...task, commands: [first], repeat: true, limits: { ...limits, ...task.limits }, files: Object.entries(task.files ?? {}).map(toFile) }, o))

    for (const command of others) {
      if (seen.times.at(-1).clean) {
        await run(async o => box.again([command], o))
      }
    }

    await box.close()
    seen.left = processesOf(box.pid).length

    return seen
  },

  memory: async () => process.resourceUsage().maxRSS,

  again: async task => {
    const box = await Box.create(options)
    const full = { ...task, limits, files: [] }

    await box.run(full, { onEvent: () => {} })

    const second = await box.run(full, { onEvent: () => {} }).then(() => 'ran', err => err.message)

    await box.close()
    await box.close()
    return second
  },

  aborted: async () => Box.create(options, { signal: AbortSignal.abort(new Error('not wanted')) }).then(() => 'created', err => err.message),

  /** The runner stops answering in the middle of a run. */
  frozen: async task => {
    const box = await Box.create(options)
    const runner = processesOf(box.pid).find(({ parent }) => parent === box.pid)
    const running = box.run({ ...task, files: [], limits: { ...limits, ...task.limits } }, {
      onEvent: event => { event.kind === 'started' && process.kill(runner.pid, 'SIGSTOP') }
    })

    return { message: await running.then(({ outcome, reason }) => `${outcome}: ${reason}`, err => err.message), left: processesOf(box.pid).length, closed: (await box.closed).reason }
  },

  /** Somebody on the host ends the runner or bwrap. */
  killed: async (task, whom) => {
    const box = await Box.create(options)
    const inside = processesOf(box.pid)
    const runner = inside.find(({ parent }) => parent === box.pid)
    const running = box.run({ ...task, files: [], limits }, {
      onEvent: event => { event.kind === 'started' && process.kill(whom === 'runner' ? runner.pid : box.pid, 'SIGKILL') }
    })
    const message = await running.then(({ outcome, reason }) => `${outcome}: ${reason}`, err => err.message)

    return { message, closed: (await box.closed).reason, pids: inside.map(({ pid }) => pid) }
  },

  /** One box after the other. */
  many: async (task, count) => {
    const descriptors = []

    for (let i = 0; i < count; i++) {
      const box = await Box.create(options)

      await box.run({ ...task, files: [], limits }, { onEvent: () => {} })
      await box.close()
      descriptors.push(readdirSync('/proc/self/fd').length)
    }

    return descriptors
  },

  /** Whoever takes the output never comes back from it. */
  stuck: async task => {
    const box = await Box.create(options)
    let heard

    const first = new Promise(resolve => { heard = resolve })
    const running = box.run({ ...task, files: [], limits }, { onEvent: event => event.kind === 'output' && new Promise(() => { heard() }) })

    const outcome = running.catch(err => err.message)

    await first
    await box.close()
    return { outcome: await outcome, closed: (await box.closed).reason, left: processesOf(box.pid).length, handles: process.getActiveResourcesInfo().filter(name => name === 'PipeWrap' || name === 'ProcessWrap').length }
  },

  floor: async () => {
    const box = await Box.create(options)
    const floor = await measureFloor(box)

    await box.close()
    return { floor, left: processesOf(box.pid).length }
  },

  /** What was prepared, or why not. */
  ground: async () => ({ cgroup: ground.cgroups?.bounds.memory === true, cgroups: ground.cgroups?.folders ?? [], twoUids: ground.maps != null, reasons: [ground.cgroupReason, ground.sharedReason], dir }),

  /** Starts a task and says so when its program has started, or printed something; nobody waits for its end. */
  begin: async (task, until = 'started') => {
    const box = await Box.create(options)

    await new Promise((resolve, reject) => {
      box.run({ ...task, limits: { ...limits, ...task.limits }, files: Object.entries(task.files ?? {}).map(toFile) }, { onEvent: event => { event.kind === until && resolve() } }).then(resolve, reject)
    })

    return [box.pid, ...processesOf(box.pid).map(({ pid }) => pid)]
  },

  /** A worker's boxes: how many have been built when an execution that follows another one at once has its own, 400 ms later, and after that. */
  ahead: async measured => {
    const { Boxes } = await import('../../dist/roles/worker/boxes.js')
    const create = Box.create
    const boxes = new Boxes(options)
    const [exec, next] = [{ kind: 'exec' }, { kind: measured ? 'run' : 'exec' }]
    const place = measured ? undefined : 0
    const longer = async () => new Promise(resolve => setTimeout(resolve, 400))
    let built = 0

    Box.create = async (...args) => {
      built++

      const box = await create.apply(Box, args)

      // longer than it is waited for until the next one is built
      await longer()

      return box
    }

    const first = await boxes.take(0, exec)

    await boxes.give(0, exec, first, true)
    boxes.left(0)

    const second = await boxes.take(place, next)
    const taken = built

    await longer()

    const later = built

    await boxes.give(place, next, second, true)
    boxes.left(0)
    await second.closed
    await longer()

    const after = built

    await boxes.stop()
    Box.create = create

    return { taken, later, after, left: readdirSync(join(dir, 'boxes')) }
  },

  leftFiles: async () => ({ dir, all: readdirSync(dir, { recursive: true }) }),

  log: async () => log,

  /** Says who is in the box as soon as the program has, and lets it run on. */
  start: async task => {
    const box = await Box.create(options)

    return new Promise((resolve, reject) => {
      box.run({ ...task, limits, files: [] }, { onEvent: event => { event.kind === 'output' && resolve([box.pid, ...processesOf(box.pid).map(({ pid }) => pid)]) } }).catch(reject)
    })
  }
}

/** Contents one after the other in a file without a name; `missing`: bytes that it is too short. */
async function openTogether (given, { missing = 0 }) {
  const path = join(dir, 'together')
  const pieces = []

  for (const file of given) {
    for await (const piece of file.read()) {
      pieces.push(piece)
    }
  }

  const content = Buffer.concat(pieces)

  writeFileSync(path, content.subarray(0, content.length - missing))

  const fd = openSync(path, 'r')

  rmSync(path)

  return fd
}

function toFile ([path, content]) {
  if (content.zeros != null) {
    const chunk = Buffer.alloc(1024 * 1024)

    return {
      path,
      size: content.zeros,
      executable: false,
      read: async function * () {
        for (let left = content.zeros; left > 0; left -= chunk.length) {
          yield chunk.subarray(0, Math.min(left, chunk.length))
        }
      }
    }
  }

  const data = Buffer.from(content.base64 ?? content, content.base64 == null ? 'utf8' : 'base64')

  return { path, size: content.claimed ?? data.length, executable: false, read: async function * () { yield data } }
}

/** Rules that hold for whoever is started from here, as those of a container would. */
async function deny (rules) {
  const { default: koffi } = await import('koffi')
  const { FilterCompiler } = await import('../../dist/sandbox/seccomp.js')
  const { loadLibc } = await import('../../dist/sandbox/native/libc.js')
  const { loadLibseccomp } = await import('../../dist/sandbox/native/libseccomp.js')
  const { loadFilters } = await import('../../dist/sandbox/runner/lockdown.js')
  const libc = loadLibc(koffi)
  const filter = new FilterCompiler(libc, loadLibseccomp(koffi)).compile({ default: 'allow', rules })

  // PR_SET_NO_NEW_PRIVS
  libc.prctl(38, 1, 0, 0, 0)
  loadFilters(libc, [filter])
}

/** bwrap's descendants. */
function processesOf (root) {
  const parents = new Map()

  for (const name of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    try {
      const status = readFileSync(`/proc/${name}/status`, 'utf8')
      const field = key => new RegExp(`^${key}:\\s*(\\S+)`, 'm').exec(status)?.[1]

      parents.set(Number(name), { pid: Number(name), parent: Number(field('PPid')), name: field('Name'), uid: Number(field('Uid')), peakKiB: Number(field('VmHWM')) })
    } catch { /* ended meanwhile */ }
  }

  const inside = pid => pid === root || (parents.has(pid) && inside(parents.get(pid).parent))

  return [...parents.values()].filter(({ pid, parent }) => pid !== root && inside(parent))
}

process.on('message', async ({ id, action, args }) => {
  try {
    process.send({ id, value: await actions[action](...args) })
  } catch (err) {
    process.send({ id, error: err.stack })
  }
})

process.on('disconnect', async () => {
  await ground.close()
  rmSync(dir, { recursive: true, force: true })
  process.exit(0)
})

process.send({ ready: true })
