import { existsSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { ITEM_MARK } from '../../../model/each.ts'
import { MeshmarkError } from '../../../model/errors.ts'
import type { Build } from '../../../model/build.ts'
import type { Command, JobKind, Program } from '../../../model/job.ts'
import type { Plan } from '../../../model/plan.ts'
import type { DraftDataSet, DraftFile, DraftVariants, JobDraft } from '../types.ts'
import { buildOf, insideFolder, sourcesOf } from './build.ts'
import { collectOf } from './collect-options.ts'
import { collectCommands, readProgram, type ProgramWord } from './command-words.ts'
import { dataSetsOf } from './data-sets.ts'
import { readEnv } from './env.ts'
import type { HookOptions } from './hooks.ts'
import type { JobOptions } from './job-options.ts'
import { limitsOf } from './limit-options.ts'
import type { Measuring } from './measuring.ts'
import { checkNames } from './names.ts'
import type { Parameter } from './parameters.ts'
import { PayloadFiles } from './payload-files.ts'
import { readPlacement } from './placement.ts'
import { readRequirements } from './requirements.ts'
import { variantProgram, variantsOf } from './variants.ts'

export interface DraftRequest {
  kind: JobKind
  /** The program and its arguments, as they stand on the command line. */
  words: readonly string[]
  /** Further commands as single texts. */
  commands: readonly string[]
  /** Names for the commands, in their order. */
  names: readonly string[]
  options: JobOptions
  /** Where it runs when `--on` says nothing. */
  on: 'all' | 'any'
  plan: Plan
  hooks?: HookOptions
  parameters?: readonly Parameter[]
  measuring?: Measuring
  /** A file with what came in on standard input, for `--stdin -`. */
  stdinCopy?: string
  /** A task for each of them. */
  items?: string[]
  /** Files beside those that the options name: bytes, or what lies somewhere under another name. */
  given?: readonly DraftFile[]
  /** Data sets instead of those that the options name. */
  data?: readonly DraftDataSet[]
  /** Only these go along, and no file of this machine is looked at. */
  onlyGiven?: boolean
}

/**
 * Turns what was typed into a job. Looks at every file it needs, so that a
 * mistake is found before anything is sent. `hints` are lines for the user.
 */
export async function draftJob (request: DraftRequest): Promise<{ draft: JobDraft, hints: string[] }> {
  const { kind, words, options, plan } = request
  const placement = readPlacement(options.on ?? request.on, options.where ?? [])
  const limits = limitsOf(options)
  const require = readRequirements(options.require)
  const env = readEnv(options.env ?? [])
  const collect = collectOf(options)
  const data = request.data ?? (request.onlyGiven === true ? [] : await dataSetsOf(options.data))
  const typed = collectCommands(words, request.commands, { shell: options.shell, names: request.names, hooks: request.hooks, parameters: request.parameters })

  checkNames(options)

  if (request.items != null && options.shell === true) {
    typed.forEach(giveItemToShell)
  }

  if (options.retryLost != null && placement.on !== 'any' && placement.on !== 'some') {
    throw new MeshmarkError('usage', '--retry-lost has a meaning only with --on any or a number of workers: what one worker is asked to do, no other one can')
  }

  if (options.retry != null && kind !== 'exec') {
    throw new MeshmarkError('usage', '--retry has a meaning only for what is handed out: what fails while it is measured is a result')
  }

  if (request.items != null && placement.on !== 'any') {
    throw new MeshmarkError('usage', '--on must be any, or left out, for items: each goes to whichever worker is free; choose among workers with --where')
  }

  const files = new PayloadFiles(request.given, request.onlyGiven)
  const commands: Command[] = []
  const build = buildOf(options)
  const sources = build == null ? [] : sourcesOf(build.line)

  const variants = variantsOf(options)
  const varied = variants.length === 0 ? undefined : variantProgram(typed.map(({ argv }) => argv[0] ?? ''))
  const choices: DraftVariants['choices'] = []

  for (const { where, file, path } of variants) {
    const taken = await files.takeVariant(file, path)

    choices.push({ where, path: taken.path, file: taken })
  }

  for (const { argv, title, hooks, parameters } of typed) {
    const program: ProgramWord | Program = varied == null ? readProgram(argv[0] ?? '') : { kind: 'payload', path: varied }

    commands.push({
      argv,
      program: program.kind === 'local'
        ? { kind: 'payload', path: await (build == null ? files.addProgram(program.path, hooks?.setup != null) : files.addBuilt(program.path, isMadeBy(build, program.path, sources))) }
        : program,
      ...(title == null ? {} : { name: title }),
      ...(hooks == null ? {} : { hooks }),
      ...(parameters == null ? {} : { parameters })
    })
  }

  for (const text of options.with ?? []) {
    await files.addWith(text)
  }

  const programs = new Set(commands.flatMap(({ program }) => program.kind === 'payload' ? [program.path] : []))

  for (const source of sources) {
    await (programs.has(insideFolder(source) ?? '') ? undefined : files.addSource(source))
  }

  const stdin = options.stdin == null
    ? undefined
    : request.stdinCopy == null ? await files.addStdin(options.stdin) : await files.addStdin(request.stdinCopy, 'stdin')

  if (files.all.some(({ path }) => path === varied)) {
    throw new MeshmarkError('usage', `--variant puts a file called ${varied} there, and another one goes along under that name: rename it with --with FILE=NAME`)
  }

  return {
    draft: {
      ...(options.id == null ? {} : { id: options.id }),
      ...(options.name == null ? {} : { name: options.name }),
      kind,
      commands,
      files: files.all,
      ...(stdin == null ? {} : { stdin }),
      env,
      limits,
      placement,
      ...(require.length === 0 ? {} : { require }),
      plan,
      ...(build == null ? {} : { build }),
      ...(varied == null ? {} : { variants: { program: varied, choices } }),
      ...(request.items == null ? {} : { each: { items: request.items } }),
      ...(options.replicas == null ? {} : { replicas: options.replicas }),
      ...(options.retryLost == null ? {} : { retryLostMs: options.retryLost }),
      ...(options.retry == null ? {} : { retry: options.retry }),
      ...(options.priority == null ? {} : { priority: options.priority }),
      ...(options.deadline == null ? {} : { deadlineMs: Math.round(options.deadline) }),
      ...(collect == null ? {} : { collect }),
      ...(data.length === 0 ? {} : { data: [...data] }),
      ...request.measuring
    },
    hints: [...(request.onlyGiven === true ? [] : forgottenFiles(commands, files.all.map(({ path }) => path))), ...unusedParameters(request), ...(build != null && files.all.length === 0 ? ['note: no file goes along for --build: add --with FILE for each that it reads'] : [])]
  }
}

/** The line says so: its `-o` is that. */
function isMadeBy ({ line }: Build, path: string, sources: readonly string[]): boolean {
  const name = insideFolder(path)

  return name != null && !sources.some(source => insideFolder(source) === name) && line.includes(basename(name))
}

/** An item in the text of a line would be taken for shell text: it is handed over as `$1`. */
function giveItemToShell ({ argv }: { argv: string[] }): void {
  if (argv.some(word => word.includes(ITEM_MARK))) {
    throw new MeshmarkError('usage', `with --shell the item is "$1" of the line, not ${ITEM_MARK}, so that nothing in it is taken for shell: write "$1" instead`)
  }

  argv.push('sh')
}

/** An argument that names a file here which does not go along is mostly a mistake: `run python3 script.py`. */
function forgottenFiles (commands: readonly Command[], sent: readonly string[]): string[] {
  const words = new Set(commands.flatMap(({ argv }) => argv.slice(1)))

  return [...words]
    .filter(word => !word.startsWith('-') && !word.startsWith('/') && !sent.includes(word) && existsSync(word) && statSync(word).isFile())
    .map(word => `note: ${word} stays on this machine: add --with ${word} if the program reads it`)
}

/** A parameter that stands nowhere only repeats the same commands. */
function unusedParameters ({ words, commands, hooks = {}, parameters = [] }: DraftRequest): string[] {
  const texts = [...words, ...commands, ...Object.values(hooks as Record<string, string | string[]>).flat()]

  return parameters
    .filter(({ name }) => !texts.some(text => text.includes(`{${name}}`)))
    .map(({ name }) => `note: {${name}} stands in no command and in no hook: every value of it measures the same`)
}
