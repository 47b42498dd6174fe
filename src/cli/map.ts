import { dirname } from 'node:path'
import { MeshmarkError } from '../model/errors.ts'
import { shortJobId } from '../model/ids.ts'
import { MAX_MASTERS } from '../model/job.ts'
import { counted } from '../model/text.ts'
import { parseCount } from '../model/units.ts'
import { checkNames } from '../roles/client/draft/names.ts'
import { collectOf } from '../roles/client/draft/collect-options.ts'
import { dataSetsOf } from '../roles/client/draft/data-sets.ts'
import { readMapFile, readMapInput } from '../roles/client/map-file/read-file.ts'
import { addCollectOptions, checkCollectTo, collectInto } from './options/collect.ts'
import { withClient } from './common/connect.ts'
import { addDryRunOption, showPlan } from './options/dry-run.ts'
import { EXIT_USAGE } from './common/exit-codes.ts'
import { addScheduleOptions } from './options/job.ts'
import { checkFolder } from './files/folder-check.ts'
import { followMap } from './job/map-follow.ts'
import { addConnectionOptions, addExamples } from './common/options.ts'
import { OutputFolder } from './files/output-folder.ts'
import { addResultOptions, checkExports } from './files/results.ts'
import { submitting } from './job/submit.ts'
import type { Command } from 'commander'
import type { CollectOptions } from '../roles/client/draft/collect-options.ts'
import type { MapDraft } from '../roles/client/map-file/draft-map.ts'
import type { CollectToOptions } from './options/collect.ts'
import type { Context } from './common/context.ts'
import type { DryRunOptions } from './options/dry-run.ts'
import type { MapFollowOptions } from './job/map-follow.ts'
import type { ConnectionOptions } from './common/options.ts'

interface MapOptions extends DryRunOptions, MapFollowOptions, CollectOptions, CollectToOptions, ConnectionOptions {
  name?: string
  id?: string
  detach?: boolean
  replicas?: number
  check?: boolean
  priority?: number
  /** Milliseconds. */
  deadline?: number
}

export function define (command: Command, context: Context): void {
  command.argument('<file>', 'which worker does which commands, in YAML')
    .optionsGroup('Output:')
    .option('--output <dir>', 'what each command prints, in files of its own (default: a new folder, NAME-JOB)')
    .option('--no-output', 'leave it on the masters: meshmark logs JOB')
    .optionsGroup('The job:')
    .option('--check', 'read the file and look at what it names; submit nothing')
    .option('--name <name>', 'a name to find the job by, instead of the one in the file')
    .option('--id <ulid>', 'the job\'s id; the same id again is the same job')
    .option('-d, --detach', 'print the job\'s id and leave it running')
    .option('--replicas <n>', 'accept the job only when so many masters have it on disk (default: those that are live)', text => parseCount(text, '--replicas', 1, MAX_MASTERS))
  addDryRunOption(addScheduleOptions(command))
  addCollectOptions(command)
  addResultOptions(command)
  addConnectionOptions(command, true)
  addExamples(command, [
    ['meshmark map jobs.yaml', 'each worker its own list of commands'],
    ['meshmark map jobs.yaml --check', 'is the file right?'],
    ['meshmark map jobs.yaml --dry-run', 'who would begin at once, who later, and who has no list'],
    ['meshmark map jobs.yaml --output night', 'files night/WORKER/1-NAME.stdout and so on'],
    ['meshmark map - < jobs.yaml', 'the file from standard input']
  ], `
A file as short as can be:

  lists:
    - on: lab-1
      commands:
        - ./prepare --all
        - { run: ./solve 20, restart: { when: on-failure, max: 3 } }
    - where: arch=arm64
      commands: [./solve 10]

The commands of a list are done one after the other; one that fails in the end stops its list. The exit
status is 0 when every command succeeded, 1 when one failed in the end. Ctrl-C leaves the map running, a
second one cancels it; meshmark attach JOB --output DIR shows it later, with all of its output.`)

  command.action(async (file: string, options: MapOptions) => {
    await checkExports(options)
    checkNames(options)

    await checkCollectTo(options)

    const collect = collectOf(options)
    const data = await dataSetsOf(options.data)
    const draft = await readDraft(file, context)

    if (draft == null) {
      context.exitCode = EXIT_USAGE
      return
    }

    if (options.check === true) {
      context.stdout.write(`${describe(draft, data.length)}\n`)
      return
    }

    if (typeof options.output === 'string' && options.id == null) {
      await checkFolder('--output', options.output)
      await OutputFolder.check(options.output)
    }

    const { name = draft.name, id, replicas, priority, deadline } = options
    const job = {
      ...draft,
      name,
      ...(id == null ? {} : { id }),
      ...(replicas == null ? {} : { replicas }),
      ...(priority == null ? {} : { priority }),
      ...(deadline == null ? {} : { deadlineMs: Math.round(deadline) }),
      ...(collect == null ? {} : { collect }),
      ...(data.length === 0 ? {} : { data })
    }

    context.exitCode = await withClient(options, async client => {
      if (options.dryRun === true) {
        await showPlan(client, job, options.format, context)

        return 0
      }

      const begin = submitting(client, job, context)

      if (options.detach === true) {
        context.stdout.write(`${shortJobId(await begin(new AbortController().signal, () => {}))}\n`)

        return 0
      }

      return await followMap(client, begin, context, { ...options, onEnd: async ended => collectInto(client, ended, options, context) })
    })
  })
}

/** Undefined when there was something to complain of: then it has been. */
async function readDraft (file: string, context: Context): Promise<MapDraft | undefined> {
  // the reader of YAML is not needed for --help
  const { draftMap } = await import('../roles/client/map-file/draft-map.ts')
  const { FileError } = await import('../roles/client/map-file/complaints.ts')
  const text = await readText(file, context)

  try {
    return await draftMap({ text }, file === '-' ? 'standard input' : file, { folder: file === '-' ? '.' : dirname(file) })
  } catch (err) {
    if (!(err instanceof FileError)) {
      throw err
    }

    context.stderr.write(err.lines.map(line => `meshmark: ${line}\n`).join(''))
  }
}

async function readText (file: string, { stdin }: Context): Promise<string> {
  if (file !== '-') {
    return await readMapFile(file)
  }

  if (stdin.isTTY === true) {
    throw new MeshmarkError('usage', 'meshmark map - reads this terminal: redirect a file or a pipe into it, or name a file')
  }

  return await readMapInput(stdin, file)
}

function describe ({ map, commands, files }: MapDraft, dataSets: number): string {
  const lists = map?.lists ?? []
  const entries = lists.reduce((sum, list) => sum + list.entries.length, 0)

  return `${counted(lists.length, 'list')}, ${counted(entries, 'command')}${commands.length < entries ? ` (${commands.length} that differ)` : ''}, ${[counted(files.length, 'file'), ...(dataSets === 0 ? [] : [counted(dataSets, 'data set')])].join(' and ')} to send`
}
