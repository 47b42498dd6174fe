import { closeSync, existsSync, readdirSync, readFileSync, readlinkSync, readSync, writeSync } from 'node:fs'
import { NAMESPACES } from '../namespaces.ts'
import { dataBytes, statusFacts, statusField, writableMounts } from '../process-facts.ts'
import { O_CLOEXEC } from '../native/libc.ts'
import { check } from './boot.ts'
import { makeImage } from './image.ts'
import { FileOutputs } from './outputs.ts'
import { baseEnvironment } from './programs.ts'
import { killRest } from './reap.ts'
import { runOnce } from './run.ts'
import type { RunnerFacts, RunnerUse } from '../protocol.ts'
import type { Libc } from '../native/libc.ts'
import type { Launcher } from './launch.ts'
import type { Means } from './run.ts'

/** Some machines allow no fresh /proc; then there is none. */
export function hasProc (): boolean {
  return existsSync('/proc/self/status')
}

/** Thread ids of this process, in the box's numbers; without a /proc, nothing. */
export function ownTids (): number[] {
  return !hasProc() ? [] : readdirSync('/proc/self/task').map(Number).sort((a, b) => a - b)
}

/** Needs a /proc. */
export function ownUse (): RunnerUse {
  return { threads: ownTids().length, dataBytes: dataBytes(readFileSync('/proc/self/status', 'latin1')) }
}

/** Reads back, from the kernel, what holds for a program that is started here. */
export function readFacts (means: Pick<Means, 'launcher' | 'alarm' | 'meter' | 'stagehand'>): RunnerFacts {
  const status = statusOfProgram(means)

  return {
    ...statusFacts(status),
    uid: Number(statusField(status, 'Uid')),
    namespaces: Object.fromEntries(NAMESPACES.flatMap(name => {
      const link = `/proc/self/ns/${name}`

      return existsSync(link) ? [[name, readlinkSync(link)]] : []
    })),
    writable: writableMounts(readFileSync('/proc/self/mountinfo', 'utf8'))
  }
}

/**
 * Starts a program that does nothing until `look` has returned: whoever has a
 * /proc may look at it there.
 */
export function showProgram (launcher: Launcher, look: () => void): void {
  const { libc } = launcher
  const [from, to] = openPipe(libc)
  const [answerFrom, answerTo] = openPipe(libc)

  try {
    launcher.setStdio(0, from)
    launcher.setStdio(1, answerTo)
    launcher.setStdio(2, answerTo)
    launcher.spawn(makeImage(libc, findCat(), ['cat'], baseEnvironment()))

    // A start returns when the program's memory is there, which may be a moment before it has its own rights. Its answer comes from the program itself.
    writeSync(to, 'x')

    if (readSync(answerFrom, Buffer.alloc(1)) !== 1) {
      throw new Error('the program that shows what holds in the box does not run')
    }

    look()
  } finally {
    [from, to, answerFrom, answerTo].forEach(fd => { closeSync(fd) })
    launcher.setNoStdin()
    killRest(launcher)
  }
}

function openPipe (libc: Libc): [number, number] {
  const fds = Buffer.alloc(8)

  check(libc, 'pipe2', libc.pipe2(fds, O_CLOEXEC))
  return [fds.readInt32LE(0), fds.readInt32LE(4)]
}

/** /proc/self/status, as a program finds it. */
function statusOfProgram ({ launcher, alarm, meter, stagehand }: Pick<Means, 'launcher' | 'alarm' | 'meter' | 'stagehand'>): string {
  const outputs = new FileOutputs(launcher, stagehand, 64 * 1024)

  try {
    launcher.setNoStdin()
    outputs.open()
    runOnce({ launcher, alarm, meter }, makeImage(launcher.libc, findCat(), ['cat', '/proc/self/status'], baseEnvironment()), 10_000, { intervalMs: 1_000, onInterval: () => undefined })
    return outputs.finish().kept.stdout.toString('latin1')
  } finally {
    outputs.close()
  }
}

function findCat (): string {
  const cat = ['/usr/bin/cat', '/bin/cat'].find(path => existsSync(path))

  if (cat == null) {
    throw new Error('there is no cat below /usr/bin or /bin')
  }

  return cat
}
