import { MeshmarkError, toError } from '../model/errors.ts'
import { printable } from '../model/text.ts'

/** What bwrap says, and what the person at the machine can do about it. */
const CAUSES: [RegExp, string][] = [
  [/setting up uid map: Permission denied/, 'AppArmor forbids user namespaces to bubblewrap: allow them with sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or give bwrap a profile'],
  [/nesting depth|ENOSPC|max_.*namespaces/, 'no more user namespaces are allowed: type sysctl -w user.max_user_namespaces=10000'],
  [/No permissions to create new namespace|Creating new namespace failed: Operation not permitted|kernel\.unprivileged_userns_clone/, 'user namespaces are blocked: type sysctl -w kernel.unprivileged_userns_clone=1, or start the container with --security-opt seccomp=unconfined'],
  [/mount proc/i, 'a fresh /proc cannot be mounted: start the container with --security-opt systempaths=unconfined'],
  [/koffi|dlopen|ERR_DLOPEN/, 'the native library koffi does not load inside the box: install it for this C library with npm ci']
]

/** One line, with what to do where that is known. */
export function explainFailure (stderr: string, reason: string, err: unknown): MeshmarkError {
  const known = CAUSES.find(([pattern]) => pattern.test(stderr))

  return new MeshmarkError('refused', known == null ? `the sandbox cannot be built: ${printable(reason, 500)}` : `the sandbox cannot be built: ${known[1]}`, { cause: toError(err) })
}
