import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { buildSync } from 'esbuild'
import { afterAll, afterEach, beforeEach } from 'vitest'
import type { ChildProcess } from 'node:child_process'

const ROOT = resolve(import.meta.dirname, '../..')
let built: string | undefined
const bundles = new Map<string, string>()
const children = new Set<ChildProcess>()

/** A folder for each test of the file, removed after it, as are the children that it has started: what is said here once for a module holds for one file only, where several share it. */
export function useTemporaryDir (): () => string {
  let dir = ''

  beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'meshmark-test-')) })
  afterEach(async () => {
    for (const child of children) {
      await kill(child)
    }

    rmSync(dir, { recursive: true, force: true })
  })
  afterAll(() => {
    bundles.clear()

    if (built != null) {
      rmSync(built, { recursive: true, force: true })
      built = undefined
    }
  })

  return () => dir
}

export interface Child {
  process: ChildProcess
  /** The next line that it printed; rejects when it ends before. */
  line: () => Promise<string>
  /** Exit code, or the name of the signal. */
  exited: Promise<number | string>
  kill: () => Promise<void>
}

/** Runs the body, with what it imports from src, in a process of its own. `print` gives the test a line. */
export function startChild (imports: string, body: string, { args = [], wrapper = [], env = {} }: { args?: string[], wrapper?: string[], env?: NodeJS.ProcessEnv } = {}): Child {
  const [command = '', ...rest] = [...wrapper, process.execPath, bundle(imports, body), ...args]
  const child = spawn(command, rest, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_PATH: join(ROOT, 'node_modules'), ...env }
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const exited = once(child, 'exit').then(([code, signal]) => code ?? signal)

  children.add(child)

  return {
    process: child,
    exited,
    line: async () => {
      const { done, value } = await lines.next()

      if (done === true) {
        throw new Error(`the child ended (${await exited}) before it printed a line`)
      }

      return value
    },
    kill: async () => kill(child)
  }
}

async function kill (child: ChildProcess): Promise<void> {
  children.delete(child)

  if (child.exitCode == null && child.signalCode == null) {
    const gone = once(child, 'exit')

    child.kill('SIGKILL')
    await gone
  }
}

function bundle (imports: string, body: string): string {
  const source = `${imports}
    const print = text => process.stdout.write(text + '\\n')
    const args = process.argv.slice(2)
    ;(async () => { ${body} })().catch(err => { console.error(err); process.exit(99) })`
  let file = bundles.get(source)

  if (file == null) {
    if (built == null) {
      built = mkdtempSync(join(tmpdir(), 'meshmark-child-'))
      // a child may run as another user
      chmodSync(built, 0o755)
    }

    file = join(built, `child-${bundles.size}.cjs`)
    bundles.set(source, file)
    buildSync({
      stdin: { contents: source, resolveDir: join(ROOT, 'src'), loader: 'ts' },
      outfile: file,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      target: 'node20',
      external: ['koffi', 'classic-level'],
      logLevel: 'silent'
    })
  }

  return file
}
