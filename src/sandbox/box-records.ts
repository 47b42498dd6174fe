import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startTime } from '../machine/start-time.ts'

/** One small file per living box, so that a worker can end what an earlier one left when it was killed. */
const FOLDER = 'boxes'

/** Of a process, for ever: differs from that of every other one, before and after it. Undefined when there is none. */
export function identity (pid: number): string | undefined {
  const start = startTime(pid)

  return start == null ? undefined : `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${start}`
}

export async function recordBox (dir: string, pid: number): Promise<void> {
  await mkdir(join(dir, FOLDER), { recursive: true, mode: 0o700 })
  await writeFile(join(dir, FOLDER, String(pid)), identity(pid) ?? '')
}

export async function forgetBox (dir: string, pid: number): Promise<void> {
  await rm(join(dir, FOLDER, String(pid)), { force: true })
}

/** Ends the boxes of a worker that is no more. The caller owns `dir`: nobody else's boxes are recorded there. */
export async function sweepBoxes (dir: string): Promise<number> {
  let ended = 0

  for (const name of await readdir(join(dir, FOLDER)).catch(() => [])) {
    const pid = Number(name)
    const start = await readFile(join(dir, FOLDER, name), 'utf8').catch(() => '')

    if (Number.isSafeInteger(pid) && pid > 1 && start !== '' && identity(pid) === start) {
      try {
        process.kill(pid, 'SIGKILL')
        ended++
      } catch { /* ended by itself meanwhile */ }
    }

    await rm(join(dir, FOLDER, name), { force: true, recursive: true })
  }

  return ended
}
