/** What the kernel says of a process in its files of /proc, whoever reads them. */

/** proc(5), of /proc/PID/status. */
export interface StatusFacts {
  seccomp: number
  noNewPrivileges: number
  /** Effective, permitted, inheritable, bounding, ambient: all of them as one number in hex, 0 when there is none. */
  capabilities: string
}

/** The first word behind a field's name; empty when there is no such field. */
export function statusField (status: string, name: string): string {
  return new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? ''
}

/** Throws when a set of capabilities is not told. */
export function statusFacts (status: string): StatusFacts {
  const capabilities = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].reduce((all, name) => {
    const set = statusField(status, name)

    if (!/^[0-9a-f]+$/.test(set)) {
      throw new Error(`the kernel does not say ${name} of a program`)
    }

    return all | BigInt(`0x${set}`)
  }, 0n)

  return { seccomp: Number(statusField(status, 'Seccomp')), noNewPrivileges: Number(statusField(status, 'NoNewPrivs')), capabilities: capabilities.toString(16) }
}

/** What the kernel counts for RLIMIT_DATA, in bytes. */
export function dataBytes (status: string): number {
  return 1024 * Number(/^VmData:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0)
}

/** Mount points whose mount and file system both allow writing. Fields: proc(5). */
export function writableMounts (mountinfo: string): string[] {
  return mountinfo.trim().split('\n').flatMap(line => {
    const [left = '', right = ''] = line.split(' - ')
    const point = left.split(' ')[4] ?? ''
    const options = (left.split(' ')[5] ?? '').split(',')
    const superOptions = (right.split(' ')[2] ?? '').split(',')

    return options.includes('rw') && superOptions.includes('rw') ? [point] : []
  })
}
