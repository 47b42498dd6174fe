import { F_SETFD, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, PR_CAP_AMBIENT_RAISE, PR_SET_NO_NEW_PRIVS } from '../native/libc.ts'
import { check, errnoName } from '../runner/boot.ts'
import { CAP, forbidCapabilities, passCapabilities } from '../runner/capabilities.ts'
import { makeImage } from '../runner/image.ts'
import type { Libc } from '../native/libc.ts'
import type { AssemblerOrders } from '../assembler-orders.ts'

/** Executes the plan's command with what it may have and nothing else; of this process only its number stays. */
export function become (libc: Libc, orders: AssemblerOrders): never {
  const { capabilities, command, env, cwd, hostname, keptFds, nested } = orders

  check(libc, 'sethostname', libc.sethostname(Buffer.from(hostname), Buffer.byteLength(hostname)))
  // Else whoever signals its own group would reach processes outside.
  check(libc, 'setsid', libc.setsid())
  check(libc, 'PR_SET_NO_NEW_PRIVS', libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
  process.chdir(cwd)

  const words = nested ? nest(orders) : command

  if (!nested) {
    pass(libc, capabilities)
  }

  // Node has marked them all to end at exec.
  for (const fd of [0, 1, 2, ...keptFds]) {
    check(libc, 'F_SETFD', libc.fcntl(fd, F_SETFD, 0))
  }

  const image = makeImage(libc, words[0] ?? '', words, env)

  libc.execve(image.path, image.argv, image.envp)
  throw new Error(`${words[0]} cannot be executed inside the box: ${errnoName(libc.errno())}`)
}

/** The calling thread keeps these capabilities through exec, and cannot get others. */
function pass (libc: Libc, capabilities: readonly string[]): void {
  const kept = capabilities.map(name => {
    const capability = (CAP as Record<string, number | undefined>)[bare(name)]

    if (capability == null) {
      throw new Error(`${name} is not a known capability`)
    }

    return capability
  })

  // Those of unshare --keep-caps; the kernel lets a set be taken away that is not ambient.
  check(libc, 'PR_CAP_AMBIENT_CLEAR_ALL', libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
  forbidCapabilities(libc, kept)
  passCapabilities(libc, kept)
  kept.forEach(capability => { check(libc, 'PR_CAP_AMBIENT_RAISE', libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)) })
}

/**
 * By programs, since Node has threads and so cannot make a user namespace
 * itself. There every capability is given anew, and setpriv takes away what
 * the plan does not name.
 */
function nest ({ uid, capabilities, command, unshare, setpriv }: AssemblerOrders): string[] {
  const change = ['-all', ...capabilities.map(name => `+${bare(name).toLowerCase()}`)].join(',')

  return [
    unshare, '--user', `--map-user=${uid}`, `--map-group=${uid}`, '--keep-caps', '--',
    setpriv, `--bounding-set=${change}`, `--inh-caps=${change}`, `--ambient-caps=${change}`, '--',
    ...command
  ]
}

function bare (capability: string): string {
  return capability.replace(/^CAP_/, '')
}
