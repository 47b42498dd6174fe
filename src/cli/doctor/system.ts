import { constants } from 'node:fs'
import { access, mkdir, mkdtemp, readFile, rm, statfs } from 'node:fs/promises'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import { counted } from '../../model/text.ts'
import { readDisturbances } from '../../machine/disturbances.ts'
import { readEnvironment } from '../../machine/environment.ts'
import { QUIET_SHARE } from '../../machine/quiet.ts'
import { QuietWatch } from '../../machine/quiet-watch.ts'
import { formatBytes } from '../../model/units.ts'
import { dataRoot, runtimeDir } from '../../store/folders.ts'

export interface Check {
  name: string
  verdict: 'PASS' | 'CAUTION' | 'FAIL'
  found: string
  /** What to type, or to do. */
  mend?: string
}

/** package.json says the same to npm. */
const OLDEST_NODE = [20, 19] as const
const LITTLE_SPACE = 1024 ** 3

/** What can be seen without starting anything. */
export async function * systemChecks (): AsyncGenerator<Check> {
  yield nodeVersion()
  yield platform()
  yield await writable('data directory', dataRoot())
  yield await writable('runtime directory', runtimeDir())

  if (process.platform === 'linux') {
    yield await load()
    yield await clock()
    yield * await measuring()
  }
}

function nodeVersion (): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const recent = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])

  return recent
    ? { name: 'Node.js', verdict: 'PASS', found: process.versions.node }
    : { name: 'Node.js', verdict: 'FAIL', found: `${process.versions.node} is older than ${OLDEST_NODE.join('.')}`, mend: 'install a newer one from https://nodejs.org' }
}

function platform (): Check {
  return process.platform === 'linux'
    ? { name: 'platform', verdict: 'PASS', found: `linux ${process.arch}` }
    : { name: 'platform', verdict: 'CAUTION', found: `${process.platform}: masters and clients run here, workers need Linux` }
}

async function writable (name: string, dir: string): Promise<Check> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    await access(dir, constants.W_OK)
    // Only a real file shows a full disk, a quota or a read-only mount.
    await rm(await mkdtemp(join(dir, '.doctor-')), { recursive: true })

    const { bavail, bsize } = await statfs(dir)
    const free = bavail * bsize

    return free < LITTLE_SPACE
      ? { name, verdict: 'CAUTION', found: `${dir} has only ${formatBytes(free)} left`, mend: `make room on the disk of ${dir}` }
      : { name, verdict: 'PASS', found: `${dir}, ${formatBytes(free)} free` }
  } catch (err) {
    return { name, verdict: 'FAIL', found: `${dir} cannot be written: ${(err as Error).message}`, mend: `sudo chown "$USER" ${dir}` }
  }
}

/** What of the machine's settings every measurement on it will name, and what else disturbs. */
async function measuring (): Promise<Check[]> {
  const [caveats, others] = await Promise.all([readEnvironment(), readDisturbances()])
  const found = [
    ...caveats.map(({ caveat, mend }): Check => ({ name: 'measuring', verdict: 'CAUTION', found: caveat, mend })),
    ...others.map(({ name, caveat, mend }): Check => ({ name: `measuring: ${name}`, verdict: 'CAUTION', found: caveat, mend }))
  ]

  return found.length === 0 ? [{ name: 'measuring', verdict: 'PASS', found: 'nothing in the settings of this machine disturbs it' }] : found
}

/** Right now, as a worker sees it that waits for a quiet machine; and in the last minute. */
async function load (): Promise<Check> {
  const [minute = 0] = loadavg()
  const cores = availableParallelism()
  const now = await new QuietWatch().otherLoad()
  const found = [
    ...(now == null ? [] : [`other programs use ${Math.round(now * 100)} % of the cores now`]),
    `${minute.toFixed(2)} on ${counted(cores, 'core')} in the last minute`
  ].join(', ')

  return minute > cores / 2 || (now ?? 0) >= QUIET_SHARE
    ? { name: 'load', verdict: 'CAUTION', found: `${found}: that disturbs measurements`, mend: 'stop what else runs here while measuring; top shows it' }
    : { name: 'load', verdict: 'PASS', found }
}

/** The kernel's own timer source: others cost a system call for each reading. */
async function clock (): Promise<Check> {
  const source = (await readFile('/sys/devices/system/clocksource/clocksource0/current_clocksource', 'utf8').catch(() => 'unknown')).trim()
  const fast = ['tsc', 'arch_sys_counter', 'kvm-clock', 'hyperv_clocksource_tsc_page', 'riscv_clocksource'].includes(source)

  return fast
    ? { name: 'clock', verdict: 'PASS', found: source }
    : { name: 'clock', verdict: 'CAUTION', found: `the kernel reads its clock from ${source}, which is slow`, mend: 'see dmesg for why tsc was given up; boot with clocksource=tsc if it is stable' }
}
