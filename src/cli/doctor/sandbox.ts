import { execFile, fork } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { toError } from '../../model/errors.ts'
import type { SandboxFacts } from '../../model/machine.ts'
import { factChecks } from './facts.ts'
import { kernelCheck } from './kernel.ts'
import type { Check } from './system.ts'

/** What the child process that builds a box says, and who it was then. */
export type BoxReport =
  | { kind: 'facts', user: string, facts: SandboxFacts, /** Interpreters and compilers, with their versions. */ tools: string[] }
  | { kind: 'refused', user?: string, reason: string }

const BOX_TIMEOUT_MS = 30_000
const LIBRARY_FOLDERS = ['/lib', '/lib64', '/usr/lib', '/usr/lib64', '/usr/local/lib']

export interface SandboxOptions {
  /** Whom a worker started by root becomes. */
  user?: string
}

/** Everything that a box is made of, and then a real one. Only workers need it, and those only on Linux. */
export async function * sandboxChecks (options: SandboxOptions = {}): AsyncGenerator<Check> {
  if (process.platform !== 'linux') {
    return
  }

  const root = process.getuid?.() === 0

  yield kernelCheck(release())
  yield userNamespaces()
  yield seccomp()
  yield libseccomp()

  const report = await buildBox(options)

  yield await builder(report)
  yield workersUser(report, root)

  if (report.kind === 'refused') {
    yield { name: 'sandbox', verdict: 'FAIL', found: report.reason }
    return
  }

  yield { name: 'interpreters and compilers', verdict: 'PASS', found: report.tools.join(', ') }
  yield { name: 'node binary', verdict: 'PASS', found: `${process.execPath} runs in a box` }
  yield * factChecks(report.facts, {
    root,
    user: report.user,
    systemd: existsSync('/run/systemd/system'),
    uidmap: inPath('newuidmap') != null && inPath('newgidmap') != null
  })
}

/** bubblewrap, or what stands in for it. */
async function builder (report: BoxReport): Promise<Check> {
  const name = 'bubblewrap'
  const program = inPath('bwrap')

  if (program == null) {
    const stand = report.kind === 'facts' ? ', and unshare stands in for it' : ''

    return { name, verdict: report.kind === 'facts' ? 'CAUTION' : 'FAIL', found: `bwrap is not in PATH${stand}`, mend: `${install()} bubblewrap` }
  }

  try {
    const { stdout } = await promisify(execFile)(program, ['--version'])

    return { name, verdict: 'PASS', found: `${stdout.trim()}, ${program}` }
  } catch (err) {
    return { name, verdict: 'FAIL', found: `${program} does not run: ${toError(err).message}`, mend: `${install()} --reinstall bubblewrap` }
  }
}

/** Nothing of a stranger is ever touched by root. */
function workersUser ({ user }: BoxReport, root: boolean): Check {
  const name = "worker's user"

  if (!root) {
    return { name, verdict: 'PASS', found: `${user ?? 'this user'}, who starts it` }
  }

  if (user == null) {
    return { name, verdict: 'FAIL', found: 'a worker started by root has nobody to become', mend: 'useradd --system meshmark, or name a user with --user' }
  }

  return { name, verdict: 'PASS', found: user.startsWith('uid ') ? `a worker started by root becomes ${user}, a number of its own; useradd --system meshmark would give it a name` : `a worker started by root becomes ${user}` }
}

function seccomp (): Check {
  const name = 'seccomp'
  const actions = '/proc/sys/kernel/seccomp/actions_avail'

  return existsSync(actions)
    ? { name, verdict: 'PASS', found: `the kernel knows ${readFileSync(actions, 'utf8').trim().split(/\s+/).join(', ')}` }
    : { name, verdict: 'FAIL', found: 'the kernel has no system call filters', mend: 'boot a kernel with CONFIG_SECCOMP_FILTER=y, as every distribution has' }
}

function libseccomp (): Check {
  const folder = LIBRARY_FOLDERS.flatMap(dir => existsSync(dir) ? [dir, ...readdirSync(dir).filter(name => name.includes('-linux-')).map(name => join(dir, name))] : [])
    .find(dir => existsSync(join(dir, 'libseccomp.so.2')))

  return folder == null
    ? { name: 'libseccomp', verdict: 'FAIL', found: 'libseccomp.so.2 is not installed', mend: `${install()} libseccomp2` }
    : { name: 'libseccomp', verdict: 'PASS', found: join(folder, 'libseccomp.so.2') }
}

/** The switches by which distributions turn namespaces off for ordinary users. */
function userNamespaces (): Check {
  const name = 'user namespaces'
  const read = (file: string): string | undefined => existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined

  if (read('/proc/sys/user/max_user_namespaces') === '0') {
    return { name, verdict: 'FAIL', found: 'the kernel allows none', mend: 'sudo sysctl -w user.max_user_namespaces=15000' }
  }

  if (read('/proc/sys/kernel/unprivileged_userns_clone') === '0') {
    return { name, verdict: 'FAIL', found: 'only root may make them', mend: 'sudo sysctl -w kernel.unprivileged_userns_clone=1' }
  }

  if (read('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') === '1') {
    return { name, verdict: 'CAUTION', found: 'AppArmor decides who may use them', mend: 'if the box below fails: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0' }
  }

  return { name, verdict: 'PASS', found: 'allowed' }
}

/** A real box, built as a worker builds it, in a process that can give up its rights. */
async function buildBox ({ user }: SandboxOptions): Promise<BoxReport> {
  const child = fork(fileURLToPath(new URL('./doctor-box.js', import.meta.url)), user == null ? [] : [user], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  const timer = setTimeout(() => { child.kill('SIGKILL') }, BOX_TIMEOUT_MS)
  let errors = ''
  let report: BoxReport | undefined

  child.stderr?.setEncoding('utf8').on('data', (text: string) => { errors = (errors + text).slice(-2_000) })
  child.on('message', message => { report = message as BoxReport })

  await new Promise<void>(resolve => { child.once('close', () => { resolve() }) })
  clearTimeout(timer)

  return report ?? { kind: 'refused', reason: `the process that builds a box ended without a word${errors === '' ? ` after ${BOX_TIMEOUT_MS / 1_000} s` : `: ${errors.trim().split('\n').at(-1) ?? ''}`}` }
}

function install (): string {
  return process.getuid?.() === 0 ? 'apt-get install' : 'sudo apt-get install'
}

/** Where a worker looks as well: the PATH of a service may be short. */
const ALSO = ['/usr/bin', '/bin', '/usr/local/bin']

function inPath (name: string): string | undefined {
  return [...(process.env.PATH ?? '').split(delimiter), ...ALSO].map(dir => join(dir, name)).find(file => existsSync(file))
}
