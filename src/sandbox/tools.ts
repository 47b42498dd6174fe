import { stat } from 'node:fs/promises'
import { TOOLS, versionIn } from '../machine/tools.ts'
import { DEFAULT_LIMITS } from '../model/limits.ts'
import { printable } from '../model/text.ts'
import { boxPath } from './layout.ts'
import { resolveName } from './program/resolve.ts'
import type { Box } from './box.ts'
import type { BoxFilesOrProblem } from './box-files.ts'

/** One that has not said its version by then has none. */
const WALL_MS = 20_000

/** Of what one says; a pipe takes so much at once, whoever else writes to it. */
const MOST_BYTES = 4_000

const RECORD = '\x1e'
const FIELD = '\x1f'
/** Behind what one says that ends well; what a broken one says is no version. */
const WELL = '\x1d'

/** An interpreter or compiler that is there. */
export interface LocatedTool {
  name: string
  /** Inside the box. */
  path: string
  /** That make it say its version. */
  ask: readonly string[]
  /** Another one when the file is another. */
  stamp: string
}

/** Those that a job's programs find here. Every box has a Node: the worker's own, when the machine has none in the usual places. */
export async function locateTools (files: BoxFilesOrProblem): Promise<LocatedTool[]> {
  const found = await Promise.all(Object.entries(TOOLS).map(async ([name, { programs, ask = ['--version'] }]) => {
    const path = programs.map(find).find(path => path != null) ?? (name === 'node' && !('problem' in files) ? files.node.boxPath : undefined)

    return path == null ? [] : [{ name, path, ask, stamp: await stampOf(path) }]
  }))

  return found.flat()
}

/** One more, by a name of PATH or by its path; undefined when it is not there. */
export async function locateProgram (name: string, program: string, ask: readonly string[]): Promise<LocatedTool | undefined> {
  const path = program.includes('/') ? program : find(program)

  return path == null ? undefined : { name, path, ask, stamp: await stampOf(path) }
}

function find (program: string): string | undefined {
  const resolved = resolveName(program, boxPath('').split(':'))

  return resolved.ok ? resolved.path : undefined
}

async function stampOf (path: string): Promise<string> {
  // the worker's own need not be there outside
  const file = await stat(path).catch(() => undefined)

  return [path, ...(file == null ? [process.version] : [file.dev, file.ino, file.size, file.mtimeMs])].join()
}

/**
 * Their versions by name, asked as a job's programs would run, all at once; an
 * empty one of a tool that does not say it, or not in time. Uses the box up; the
 * caller closes it. Rejects with the signal's reason.
 */
export async function askVersions (box: Box, tools: readonly LocatedTool[], { signal }: { signal?: AbortSignal } = {}): Promise<Map<string, string>> {
  const said = await askTools(box, tools, { signal })

  return new Map(tools.map(({ name }) => [name, printable(versionIn(said.get(name) ?? '') ?? '', 64)]))
}

/** What they say, by name; those that say nothing, or nothing in time, are missing. As `askVersions` otherwise. */
export async function askTools (box: Box, tools: readonly LocatedTool[], { signal }: { signal?: AbortSignal } = {}): Promise<Map<string, string>> {
  let said = ''

  await box.run({
    kind: 'exec',
    commands: [{ argv: ['sh', '-c', `${tools.map(lineFor).join('\n')}\nwait`], program: { kind: 'worker', path: '/bin/sh' } }],
    files: [],
    env: {},
    limits: { ...DEFAULT_LIMITS, wallMs: WALL_MS, outputBytes: (tools.length + 1) * MOST_BYTES },
    plan: { kind: 'once' }
  }, {
    signal,
    onEvent: event => {
      if (event.kind === 'output' && event.stream === 'stdout') {
        said += Buffer.from(event.data).toString('latin1')
      }
    }
  })

  return new Map(said.split(RECORD).filter(record => record.endsWith(WELL)).map(record => {
    const [name = '', ...text] = record.slice(0, -WELL.length).split(FIELD)

    return [name, Buffer.from(text.join(FIELD), 'latin1').toString('utf8')]
  }))
}

function lineFor ({ name, path, ask }: LocatedTool): string {
  const call = [path, ...ask].map(quote).join(' ')

  return `(said=$({ ${call} && printf '${WELL}'; } 2>&1 </dev/null | head -c ${MOST_BYTES - 100} | tr -d '\\0'); printf '${RECORD}%s${FIELD}%s' ${quote(name)} "$said") &`
}

function quote (word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}
