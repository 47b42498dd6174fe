import { spawn } from 'node:child_process'
import { readdir, rm, stat, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { MeshmarkError } from '../model/errors.ts'
import { runtimeDir } from '../store/folders.ts'

/** A browser that has to be started first has read a file by then. */
const READ_MS = 15_000

/** What a killed process left is removed by the next one. */
const STALE_MS = 60_000

const NAME = /^open-[0-9a-f]{32}\.html$/

export interface Opener {
  command: string
  /** `%s` in one of them is the file; absent = behind them. */
  args: string[]
}

/**
 * Programs that open a file in the user's browser, the first that is there
 * counts. BROWSER is a list as others read it too: `firefox --new-window %s:links`.
 * Throws `failed` where there is no desktop.
 */
export function openersFor (platform: NodeJS.Platform, env: NodeJS.ProcessEnv): Opener[] {
  if (platform === 'darwin') {
    return [{ command: 'open', args: [] }]
  }

  if (platform === 'win32') {
    return [{ command: 'explorer.exe', args: [] }]
  }

  const isSet = (name: string): boolean => (env[name] ?? '') !== ''
  const chosen = (env.BROWSER ?? '').split(':').flatMap(line => {
    const [command, ...args] = line.trim().split(/\s+/)

    return command == null || command === '' ? [] : [{ command, args }]
  })
  const openers = [
    ...chosen,
    // Linux inside of Windows has the desktop of Windows
    ...(isSet('WSL_DISTRO_NAME') ? [{ command: 'wslview', args: [] }] : []),
    ...(isSet('DISPLAY') || isSet('WAYLAND_DISPLAY') ? [{ command: 'xdg-open', args: [] }] : [])
  ]

  if (openers.length === 0) {
    throw new MeshmarkError('failed', 'there is no desktop here (neither DISPLAY, WAYLAND_DISPLAY nor BROWSER is set): open the link yourself, or leave out --open')
  }

  return openers
}

/**
 * Opens a link that is a secret. Other users can read the arguments of every
 * process, so the browser is given a file that only this user can read and that
 * leads on; it is removed again, also when `signal` fires.
 *
 * @param wait - resolves when the browser has had time to read it
 */
export async function openSecretly (link: string, openers: readonly Opener[], signal?: AbortSignal, wait: (signal?: AbortSignal) => Promise<void> = readTime): Promise<void> {
  const folder = runtimeDir()
  const path = join(folder, `open-${randomBytes(16).toString('hex')}.html`)

  await removeStale(folder)

  try {
    await writeFile(path, leadingTo(link), { mode: 0o600, flag: 'wx' })
    await startFirst(openers, path)
    await wait(signal)
  } finally {
    await rm(path, { force: true })
  }
}

/** A page without a script, whose address is told to nobody. */
export function leadingTo (link: string): string {
  const safe = link.replace(/[&<>"']/g, char => `&#${char.charCodeAt(0)};`)

  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0;url=${safe}"><title>Meshmark</title><p><a href="${safe}">To the dashboard</a></html>\n`
}

async function readTime (signal?: AbortSignal): Promise<void> {
  await delay(READ_MS, undefined, { signal }).catch(() => {})
}

async function startFirst (openers: readonly Opener[], path: string): Promise<void> {
  for (const { command, args } of openers) {
    if (await start(command, args.some(arg => arg.includes('%s')) ? args.map(arg => arg.replaceAll('%s', path)) : [...args, path])) {
      return
    }
  }

  throw new MeshmarkError('failed', `there is no ${openers.map(({ command }) => command).join(' and no ')} here: open the link yourself, or install xdg-utils`)
}

/** Without a shell. What it prints is about desktops, and helps nobody here. False when there is no such program. */
async function start (command: string, args: readonly string[]): Promise<boolean> {
  return new Promise<boolean>((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'ignore', detached: true })

    child.once('error', err => {
      if ((err as NodeJS.ErrnoException).code === 'ENOENT') {
        resolve(false)
      } else {
        reject(new MeshmarkError('failed', `${command} cannot be started: ${err.message}`, { cause: err }))
      }
    })
    child.once('spawn', () => {
      child.unref()
      resolve(true)
    })
  })
}

async function removeStale (folder: string): Promise<void> {
  for (const name of (await readdir(folder)).filter(name => NAME.test(name))) {
    const path = join(folder, name)
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }))

    if (Date.now() - mtimeMs > STALE_MS) {
      await rm(path, { force: true })
    }
  }
}
