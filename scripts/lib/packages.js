import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** What a worker needs of the system. `needed` = without it no sandbox can be built at all. */
export const SYSTEM_PACKAGES = [
  { name: 'bubblewrap', present: () => inPath('bwrap'), needed: true },
  { name: 'libseccomp2', present: () => hasLibrary('libseccomp.so.2'), needed: true },
  { name: 'uidmap', present: () => inPath('newuidmap'), needed: false }
]

/** Programs that tests run in boxes; a test whose program is absent is skipped. */
export const TEST_PACKAGES = [
  ...['g++', 'git', 'hexyl', 'gron', 'openssl', 'perl', 'python3', 'sqlite3'].map(name => ({ name, present: () => inPath(name) })),
  { name: 'chromium', present: () => inPath('chromium') },
  { name: 'iproute2', present: () => inPath('ip') },
  { name: 'nftables', present: () => inPath('nft') },
  { name: 'xz-utils', present: () => inPath('xz') },
  { name: 'busybox-static', present: () => inPath('busybox') }
]

const INSTALLERS = [
  { program: 'apt-get', command: names => `apt-get install -y ${names.join(' ')}`, names: {} },
  { program: 'dnf', command: names => `dnf install -y ${names.join(' ')}`, names: { libseccomp2: 'libseccomp', uidmap: 'shadow-utils' } },
  { program: 'pacman', command: names => `pacman -S --noconfirm ${names.join(' ')}`, names: { libseccomp2: 'libseccomp', uidmap: 'shadow' } },
  { program: 'zypper', command: names => `zypper install -y ${names.join(' ')}`, names: { uidmap: 'shadow' } },
  { program: 'apk', command: names => `apk add ${names.join(' ')}`, names: { libseccomp2: 'libseccomp', uidmap: 'shadow-uidmap' } }
]

/** What to type on this system to get these packages, without sudo. */
export function installCommand (missing) {
  const installer = INSTALLERS.find(({ program }) => inPath(program))

  return installer == null
    ? undefined
    : installer.command(missing.map(({ name }) => installer.names[name] ?? name))
}

/** @param path by default also where the system's own programs lie, which the PATH of a user may leave out */
export function inPath (program, path = `${process.env.PATH ?? ''}:/usr/sbin:/usr/bin:/sbin:/bin`) {
  return path.split(':').some(dir => dir !== '' && existsSync(join(dir, program)))
}

/** Libraries lie in /usr/lib, or below it in a folder named after the architecture. */
export function hasLibrary (file) {
  return ['/lib', '/lib64', '/usr/lib', '/usr/lib64', '/usr/local/lib'].some(dir => {
    if (!existsSync(dir)) {
      return false
    }

    return existsSync(join(dir, file)) ||
      readdirSync(dir).some(name => name.includes('-linux-') && existsSync(join(dir, name, file)))
  })
}
