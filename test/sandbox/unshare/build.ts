import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import koffi from 'koffi'
import { BLOCK_FD, boxPlan, INFO_FD } from '../../../src/sandbox/box-plan.ts'
import { bubblewrapCommand } from '../../../src/sandbox/bubblewrap.ts'
import { MemoryFiles } from '../../../src/sandbox/memory-files.ts'
import { loadLibc } from '../../../src/sandbox/native/libc.ts'
import { BOX, CONTROL_FD } from '../../../src/sandbox/layout.ts'
import { unshareCommand } from '../../../src/sandbox/unshare-command.ts'
import type { Readable, Writable } from 'node:stream'
import type { BoxStep } from '../../../src/sandbox/box-plan.ts'
import type { Koffi } from '../../../src/sandbox/native/koffi.ts'

export const isRoot = process.getuid?.() === 0

/** Root gives itself up, as a worker does. */
const [UID, SECOND] = isRoot ? [61_184, 61_185] : [process.getuid?.() ?? 0, 0]

/** A builder that has not ended then will not. */
const PATIENCE_MS = 15_000

/** As a worker has it: what does not come with /usr is made visible in a place of its own. */
export const NODE_INSIDE = process.execPath.startsWith('/usr/') ? process.execPath : BOX.node

const FOLDER = fileURLToPath(new URL('.', import.meta.url))

export interface Seen {
  mounts: { root: string, point: string, options: string, type: string, source: string }[]
  status: Record<string, string>
  threads: string[]
  uids: string[][]
  processes: string[]
  root: unknown[][]
  dev: unknown[][]
  etc: unknown[][]
  box: unknown[][]
  hostname: string
  interfaces: Record<string, { address: string }[]>
  links: string[]
  cwd: string
  umask: number
  environ: string[]
  cmdline: string[]
  descriptors: number[]
  limits: string
  session: string[]
  namespaces: Record<string, string>
  attempts: Record<string, string>
}

export interface Built {
  /** Absent when the box could not be built. */
  seen?: Seen
  /** The number that the builder told, and whose child that was. */
  child?: { pid: number, parent: number }
  builder: number
  code: number | null
  stderr: string
}

export interface BuildOptions {
  twoUids?: boolean
  proc?: boolean
  /** Beside those of the plan, before all of it becomes read-only. */
  steps?: BoxStep[]
  /** In the place of look.cjs. */
  runner?: Buffer
  /** Nobody hears what the runner says, as when its worker is gone. */
  deaf?: boolean
  /** For a shell of root, in mounts of its own, before the builder is started. */
  before?: string
}

/** A box from the real plan whose runner is look.cjs. */
export async function build (kind: 'bubblewrap' | 'unshare', { twoUids = false, proc = true, steps = [], runner, deaf = false, before }: BuildOptions = {}): Promise<Built> {
  const bare = koffi as unknown as Koffi
  const memory = new MemoryFiles(loadLibc(bare))
  const koffiFile = readFileSync(/\s(\/.*koffi[^\n/]*\.node)$/m.exec(readFileSync('/proc/self/maps', 'utf8'))?.[1] ?? '')
  const plan = boxPlan({ runner: runner ?? readFileSync(join(FOLDER, 'look.cjs')), koffi: koffiFile, wasmHost: Buffer.alloc(0), nodePath: NODE_INSIDE, ...(NODE_INSIDE === process.execPath ? {} : { node: process.execPath }), twoUids, proc })

  plan.steps.splice(-1, 0, ...steps)

  const { path, args, give } = kind === 'bubblewrap'
    ? bubblewrapCommand('bwrap', plan, twoUids)
    : unshareCommand({ unshare: '/usr/bin/unshare', setpriv: '/usr/bin/setpriv', assembler: readFileSync(join(FOLDER, '../../../dist/assembler.cjs')), koffi: koffiFile, node: process.execPath }, plan, twoUids, 0)

  const become = isRoot ? ['setpriv', '--reuid', String(UID), '--regid', String(UID), '--clear-groups', '--', path, ...args] : [path, ...args]
  const [program = '', ...words] = before == null ? become : ['unshare', '--mount', '--propagation', 'private', 'sh', '-e', '-c', `${before}\nexec "$@"`, 'sh', ...become]
  const given = new Map(give.map(({ fd, content }) => [fd, memory.open(content)]))
  const last = Math.max(BLOCK_FD, ...given.keys())
  const child = spawn(program, words, {
    cwd: '/',
    detached: true,
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'ignore', 'pipe', ...Array.from({ length: last + 1 - CONTROL_FD }, (_, index) => given.get(CONTROL_FD + index) ?? 'pipe')]
  })
  const stream = (fd: number) => child.stdio[fd] as Readable & Writable
  const told: Built = { builder: child.pid ?? 0, code: null, stderr: '' }
  let info = ''
  let written = ''

  given.forEach(fd => { closeSync(fd) })
  stream(BLOCK_FD).on('error', () => {})
  stream(CONTROL_FD).on('error', () => {}).on('data', piece => { written += String(piece) })
  stream(2).on('data', piece => { told.stderr += String(piece) })
  stream(INFO_FD).on('data', piece => {
    info += String(piece)

    const pid = Number(/"child-pid"\s*:\s*(\d+)\s*[,}]/.exec(info)?.[1])

    if (told.child == null && pid > 1) {
      told.child = { pid, parent: Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) }

      if (twoUids) {
        writeFileSync(`/proc/${pid}/uid_map`, `0 ${UID} 1\n1000 ${SECOND} 1\n`)
        writeFileSync(`/proc/${pid}/gid_map`, `0 ${UID} 1\n1000 ${SECOND} 1\n`)
      }

      stream(BLOCK_FD).end('1')
    }
  })

  if (deaf) {
    stream(CONTROL_FD).destroy()
    stream(2).destroy()
  }

  const timer = setTimeout(() => { child.kill('SIGKILL') }, PATIENCE_MS)
  const [code] = await once(child, 'close') as [number | null]

  clearTimeout(timer)

  return { ...told, code, ...(written === '' ? {} : { seen: JSON.parse(written) as Seen }) }
}
