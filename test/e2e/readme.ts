import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { MAIN } from './mesh.ts'

/** Lines that a README tells its reader to type, and what it says of them in a comment above. */
export interface Step {
  line: number
  script: string
  /** `<!-- exits with 1 -->`. @default 0 */
  code: number
  /** `<!-- prints: a regular expression -->`, of standard output and error. */
  prints: RegExp[]
}

/** Blocks of `sh`; those below `<!-- not here: why -->` are left out. */
export function stepsOf (markdown: string): Step[] {
  const steps: Step[] = []
  let notes: string[] = []
  let block: { line: number, lines: string[] } | undefined

  for (const [at, text] of markdown.split('\n').entries()) {
    if (block != null) {
      if (text !== '```') {
        block.lines.push(text)
        continue
      }

      if (!notes.some(note => note.startsWith('not here'))) {
        steps.push({
          line: block.line,
          script: block.lines.join('\n'),
          code: Number(notes.flatMap(note => /^exits with (\d+)$/.exec(note)?.[1] ?? [])[0] ?? 0),
          prints: notes.flatMap(note => /^prints: (.*)$/.exec(note)?.[1] ?? []).map(pattern => new RegExp(pattern, 'm'))
        })
      }

      notes = []
      block = undefined
    } else if (text === '```sh') {
      block = { line: at + 2, lines: [] }
    } else {
      const note = /^<!-- (.*) -->$/.exec(text)?.[1]

      notes = note == null ? text === '' ? notes : [] : [...notes, note]
    }
  }

  return steps
}

/** Does what a README says, word for word, in a copy of the examples; rejects with the first step that is not as it says. */
export async function follow (readme: string, dir: string, env: NodeJS.ProcessEnv): Promise<number> {
  const steps = stepsOf(await readFile(readme, 'utf8'))
  const bin = join(dir, 'bin')
  const examples = join(dir, 'examples')
  const cwd = join(examples, basename(dirname(readme)))

  await cp(dirname(dirname(readme)), examples, { recursive: true })
  await mkdir(bin, { recursive: true })
  // programs import it by its name
  await mkdir(join(dir, 'node_modules'))
  await symlink(resolve(dirname(MAIN), '..'), join(dir, 'node_modules/meshmark'))
  await writeFile(join(bin, 'meshmark'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`)
  await chmod(join(bin, 'meshmark'), 0o755)

  for (const { line, script, code, prints } of steps) {
    const shell = spawn('bash', ['-euo', 'pipefail', '-c', script], { cwd, env: { ...env, PATH: `${bin}:${env.PATH}` }, stdio: ['ignore', 'pipe', 'pipe'] })
    const said: Buffer[] = []

    shell.stdout.on('data', data => { said.push(data) })
    shell.stderr.on('data', data => { said.push(data) })

    const [ended] = await once(shell, 'close')
    const text = Buffer.concat(said).toString()
    const missing = prints.filter(pattern => !pattern.test(text))

    if (ended !== code || missing.length > 0) {
      throw new Error(`${readme}, line ${line}: ${missing.length > 0 ? `nothing like ${missing.join(' or ')} was printed` : `it exits with ${ended} and not ${code}`}\n${script}\n${text}`)
    }
  }

  return steps.length
}
