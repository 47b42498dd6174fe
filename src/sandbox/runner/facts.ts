import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { RunnerFacts } from '../protocol.ts'

const NAMESPACES = ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup']

/** Thread ids of this process, in the box's numbers. */
export function ownTids (): number[] {
  return readdirSync('/proc/self/task').map(Number).sort((a, b) => a - b)
}

/** Reads back, from the kernel, what holds for this thread and so for every program it starts. */
export function readFacts (): RunnerFacts {
  const status = readFileSync('/proc/thread-self/status', 'utf8')
  const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? ''
  const capabilities = ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'].reduce((all, name) => all | BigInt(`0x${field(name)}`), 0n)

  return {
    uid: Number(field('Uid')),
    namespaces: Object.fromEntries(NAMESPACES.flatMap(name => {
      const link = `/proc/self/ns/${name}`

      return existsSync(link) ? [[name, readlinkSync(link)]] : []
    })),
    seccomp: Number(field('Seccomp')),
    noNewPrivileges: Number(field('NoNewPrivs')),
    capabilities: capabilities.toString(16),
    writable: writableMounts(readFileSync('/proc/self/mountinfo', 'utf8'))
  }
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
