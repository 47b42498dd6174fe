import { MeshmarkError, toError } from '../model/errors.ts'
import { printable } from '../model/text.ts'

/** Every builder says it with these words. */
const MOUNT_PROC = /mount proc/i

/** What the kernel does where parts of the /proc that is there are covered by something, as in most containers. */
export const NO_PROC = 'a fresh /proc cannot be mounted: start the container with --security-opt systempaths=unconfined'

/** A box can be built all the same, without. */
export class ProcRefused extends MeshmarkError {}

/** What bwrap, unshare and the assembler say, and what the person at the machine can do about it. */
const CAUSES: [RegExp, string][] = [
  [/setting up uid map: Permission denied|write failed \/proc\/self\/uid_map/, 'AppArmor forbids user namespaces to bubblewrap: allow them with sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or give bwrap a profile'],
  [/nesting depth|ENOSPC|max_.*namespaces|unshare failed: No space left/, 'no more user namespaces are allowed: type sysctl -w user.max_user_namespaces=10000'],
  [/unshare failed: Operation not permitted|No permissions to create new namespace|Creating new namespace failed: Operation not permitted|kernel\.unprivileged_userns_clone/, 'user namespaces are blocked: type sysctl -w kernel.unprivileged_userns_clone=1, or start the container with --security-opt seccomp=unconfined'],
  [MOUNT_PROC, NO_PROC],
  [/cannot open \/proc\/self\/uid_map/, 'without /proc, and without a second uid for programs, it takes bubblewrap: type apt-get install bubblewrap, or what your system has in its place'],
  [/koffi|dlopen|ERR_DLOPEN/, 'the native library koffi does not load inside the box: install it for this C library with npm ci']
]

/** One line, with what to do where that is known. */
export function explainFailure (stderr: string, reason: string, err: unknown): MeshmarkError {
  const known = CAUSES.find(([pattern]) => pattern.test(stderr))

  const Kind = known?.[0] === MOUNT_PROC ? ProcRefused : MeshmarkError

  return new Kind('refused', known == null ? `the sandbox cannot be built: ${printable(reason, 500)}` : `the sandbox cannot be built: ${known[1]}`, { cause: toError(err) })
}
