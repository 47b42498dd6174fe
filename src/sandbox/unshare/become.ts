import { F_SETFD, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, PR_CAP_AMBIENT_RAISE, PR_SET_NO_NEW_PRIVS } from '../native/libc.ts'
import { check } from '../runner/boot.ts'
import { CAP, passCapabilities } from '../runner/capabilities.ts'
import { makeImage } from '../runner/image.ts'
import type { Libc } from '../native/libc.ts'
import type { AssemblerOrders } from './orders.ts'

/**
 * Executes the plan's command with what it may have. Where the runner is not
 * root inside, one more user namespace makes it somebody: /dev/pts could only
 * be mounted by root, and Node has threads and cannot make it itself.
 */
export function become (libc: Libc, orders: AssemblerOrders, folder: string): never {
  const { uid, capabilities, command, env, cwd, hostname, keptFds } = orders

  check(libc, 'sethostname', libc.sethostname(Buffer.from(hostname), hostname.length))
  check(libc, 'PR_SET_NO_NEW_PRIVS', libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
  check(libc, 'PR_CAP_AMBIENT_CLEAR_ALL', libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
  process.chdir(cwd)

  const words = uid === 0
    ? command
    : [`${folder}/unshare`, '--user', `--map-user=${uid}`, `--map-group=${uid}`, '--keep-caps', '--', ...command]

  if (uid === 0) {
    const kept = capabilities.map(name => CAP[name.replace(/^CAP_/, '') as keyof typeof CAP])

    passCapabilities(libc, kept)
    kept.forEach(capability => { check(libc, 'PR_CAP_AMBIENT_RAISE', libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)) })
  }

  // Node has marked them all.
  for (const fd of [0, 1, 2, ...keptFds]) {
    check(libc, 'F_SETFD', libc.fcntl(fd, F_SETFD, 0))
  }

  const image = makeImage(libc, words[0] ?? '', words, env)

  libc.execve(image.path, image.argv, image.envp)
  throw new Error(`${words[0]} could not be executed: errno ${libc.errno()}`)
}
