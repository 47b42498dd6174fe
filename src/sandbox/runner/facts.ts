import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { makeImage } from './image.ts'
import { FileOutputs } from './outputs.ts'
import { baseEnvironment } from './programs.ts'
import { runOnce } from './run.ts'
import type { RunnerFacts } from '../protocol.ts'
import type { Means } from './run.ts'

const NAMESPACES = ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup']

/** Thread ids of this process, in the box's numbers. */
export function ownTids (): number[] {
  return readdirSync('/proc/self/task').map(Number).sort((a, b) => a - b)
}

/** Reads back, from the kernel, what holds for a program that is started here. */
export function readFacts (means: Pick<Means, 'launcher' | 'alarm' | 'meter' | 'stagehand'>): RunnerFacts {
  const status = statusOfProgram(means)
  const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? ''
  const capabilities = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].reduce((all, name) => all | BigInt(`0x${field(name)}`), 0n)

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

/** /proc/self/status, as a program finds it. */
function statusOfProgram ({ launcher, alarm, meter, stagehand }: Pick<Means, 'launcher' | 'alarm' | 'meter' | 'stagehand'>): string {
  const cat = ['/usr/bin/cat', '/bin/cat'].find(path => existsSync(path))

  if (cat == null) {
    throw new Error('there is no cat below /usr/bin or /bin')
  }

  const outputs = new FileOutputs(launcher, stagehand, 64 * 1024)

  try {
    launcher.setNoStdin()
    outputs.open()
    runOnce({ launcher, alarm, meter }, makeImage(launcher.libc, cat, ['cat', '/proc/self/status'], baseEnvironment()), 10_000, { intervalMs: 1_000, onInterval: () => undefined })
    return outputs.finish().kept.stdout.toString('latin1')
  } finally {
    outputs.close()
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
