import { execFile, fork } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { SandboxFacts } from '../model/machine.ts'
import type { Check } from './doctor-system.ts'

/** What the child process that builds a box says. */
export type BoxReport =
  | { kind: 'facts', facts: SandboxFacts }
  | { kind: 'refused', reason: string }

const BOX_TIMEOUT_MS = 30_000
const LIBRARY_FOLDERS = ['/lib', '/lib64', '/usr/lib', '/usr/lib64', '/usr/local/lib']

/** Everything a box is made of, and then a real one. Only workers need it, and those only on Linux. */
export async function * sandboxChecks (): AsyncGenerator<Check> {
  if (process.platform !== 'linux') {
    return
  }

  yield await bubblewrap()
  yield libseccomp()
  yield userNamespaces()
  yield * await box()
}

async function bubblewrap (): Promise<Check> {
  const program = (process.env.PATH ?? '').split(delimiter).map(dir => join(dir, 'bwrap')).find(file => existsSync(file))

  if (program == null) {
    return { name: 'bubblewrap', verdict: 'FAIL', found: 'bwrap is not in PATH', mend: `${install()} bubblewrap` }
  }

  try {
    const { stdout } = await promisify(execFile)(program, ['--version'])

    return { name: 'bubblewrap', verdict: 'PASS', found: `${stdout.trim()}, ${program}` }
  } catch (err) {
    return { name: 'bubblewrap', verdict: 'FAIL', found: `${program} does not run: ${(err as Error).message}`, mend: `${install()} --reinstall bubblewrap` }
  }
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
async function box (): Promise<Check[]> {
  const report = await buildBox()

  if (report.kind === 'refused') {
    return [{ name: 'sandbox', verdict: 'FAIL', found: report.reason }]
  }

  const { builder, builderVersion, namespaces, uidMode, cgroup, caveats } = report.facts

  return [
    { name: 'sandbox', verdict: 'PASS', found: `a box by ${builder} ${builderVersion}: ${namespaces.join(', ')}; uids ${uidMode}, cgroup ${cgroup}` },
    ...caveats.map((caveat): Check => ({ name: 'sandbox', verdict: 'CAUTION', found: caveat }))
  ]
}

async function buildBox (): Promise<BoxReport> {
  const child = fork(fileURLToPath(new URL('./doctor-box.js', import.meta.url)), { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
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
