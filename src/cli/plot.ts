import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { type Command, Option } from 'commander'
import { MeshmarkError } from '../model/errors.ts'
import { systemReason } from '../model/system-reason.ts'
import { parseCount } from '../model/units.ts'
import { finishedJob, resultsOf } from '../roles/client/finished.ts'
import { type Kind, KINDS } from '../report/plot/kinds.ts'
import { type Look, type Theme, THEMES } from '../report/plot/look.ts'
import type { Subject } from '../report/plot/charts.ts'
import { withClient } from './common/connect.ts'
import { note, type Context } from './common/context.ts'
import { checkExportFile } from './files/export-files.ts'
import { ListOption, splitCommas } from './common/list-option.ts'
import { addConnectionOptions, addExamples, type ConnectionOptions } from './common/options.ts'
import { writeAll } from './common/write.ts'

interface PlotOptions extends ConnectionOptions {
  output?: string
  profile?: string
  kind?: string[]
  theme: Theme
  width: number
  height?: number
  scale: number
  title?: string
}

const TYPES = ['.svg', '.png', '.pdf'] as const

type Type = typeof TYPES[number]

/** Of a file that somebody names; a day of a thousand workers has 20 MB. */
const MAX_FILE = 256 * 1024 * 1024

/** Of a PNG: beyond it a picture is of use to nobody, and takes all memory. */
const MAX_PIXELS = 50_000_000

export function define (command: Command, context: Context): void {
  command.argument('[jobs...]', 'ids or their ends, names, @last, or files of results (--export-json, --export-full)')
    .option('-o, --output <file>', 'where to: .svg, .png or .pdf; - writes SVG to standard output')
    .option('--profile <file>', 'draw a recording: what meshmark profile --format json or load --export-json wrote; - reads standard input')
    .addOption(new ListOption('--kind <kind>', `${KINDS.join(', ')} (default: what says most about it; several make several pages of a PDF)`, splitCommas))
    .optionsGroup('How it looks:')
    .addOption(new Option('--theme <theme>', 'on white or on black').choices([...THEMES]).default('light'))
    .option('--width <px>', 'pixels', text => parseCount(text, '--width', 320, 4_000), 900)
    .option('--height <px>', 'pixels (default: as many as the rows need)', text => parseCount(text, '--height', 200, 8_000))
    .option('--scale <n>', 'of a PNG: pixels for each of these', text => parseCount(text, '--scale', 1, 8), 1)
    .option('--title <text>', 'instead of the usual one')
  addConnectionOptions(command)
  addExamples(command, [
    ['meshmark plot @last -o last.svg', 'the last job, as it is best seen'],
    ['meshmark plot old new -o both.pdf', 'two jobs side by side'],
    ['meshmark plot nightly --kind busy,throughput -o nightly.pdf', 'two pages'],
    ['meshmark profile --since 1h --format json | meshmark plot --profile - -o hour.png', 'who was busy'],
    ['meshmark plot results.json -o slides.png --theme dark --scale 2', 'without a mesh']
  ], `
  busy           a row for each worker, a bar for each task
  throughput     tasks that ended, over time
  distribution   every run of each worker, the median and its interval
  comparison     the ratio on each worker with its interval (meshmark compare)
  scaling        the median against a parameter that is a number, or against cores;
                 of a load, tasks a second against workers or clients`)

  command.action(async (jobs: string[], options: PlotOptions) => {
    const type = await checkOutput(options)
    const kinds = checkKinds(options.kind, type)
    const subject = await subjectOf(jobs, options, context)
    const { chart, usualKind } = await import('../report/plot/charts.ts')
    const { measureText } = await import('../report/plot/fonts.ts')
    const { draw, lackingIn, toPdf, toPng } = await import('../report/plot/render.ts')
    const look: Look = { theme: options.theme, width: options.width, ...(options.height == null ? {} : { height: options.height }), measure: measureText }
    const pictures = []

    for (const kind of kinds.length > 0 ? kinds : [usualKind(subject)]) {
      pictures.push(await draw(chart(kind, subject, look, options.title)))
    }

    const [first] = pictures
    const lacking = type === '.svg' ? [] : await lackingIn(pictures)

    if (first == null) {
      return
    }

    if (lacking.length > 0) {
      note(context, `no font on this machine has ${lacking.slice(0, 10).join(' ')}: they are drawn as boxes; on Debian apt-get install fonts-wqy-microhei (Chinese, Japanese, Korean) or fonts-noto`)
    }

    if (type === '.png' && first.width * first.height * options.scale ** 2 > MAX_PIXELS) {
      throw new MeshmarkError('usage', `--scale ${options.scale} makes ${first.width * options.scale} by ${first.height * options.scale} pixels of it: choose a smaller --scale, --width or --height`)
    }

    const bytes = type === '.svg' ? `${first.svg}\n` : type === '.png' ? await toPng(first, options.scale) : await toPdf(pictures, options.title ?? jobs.join(', '))

    await (options.output === '-' ? writeAll(context.stdout, bytes) : writeFile(options.output ?? '', bytes))
  })
}

async function checkOutput ({ output }: PlotOptions): Promise<Type> {
  if (output == null) {
    throw new MeshmarkError('usage', 'where is the picture to go? Add -o FILE.svg, .png or .pdf')
  }

  if (output === '-') {
    return '.svg'
  }

  const type = TYPES.find(type => type === extname(output).toLowerCase())

  if (type == null) {
    throw new MeshmarkError('usage', `--output ${output}: the name must end in .svg, .png or .pdf, which says what it becomes`)
  }

  await checkExportFile('--output', output)

  return type
}

function checkKinds (kinds: readonly string[] = [], type: Type): Kind[] {
  const wanted = kinds.map(kind => KINDS.find(known => known === kind) ?? unknownKind(kind))

  if (wanted.length > 1 && type !== '.pdf') {
    throw new MeshmarkError('usage', `--kind ${wanted.join(',')}: only a PDF has several pages; name one kind, or an output that ends in .pdf`)
  }

  return wanted
}

function unknownKind (kind: string): never {
  throw new MeshmarkError('usage', `--kind '${kind}' is none of ${KINDS.join(', ')}`)
}

async function subjectOf (names: readonly string[], options: PlotOptions, context: Context): Promise<Subject> {
  if ((names.length === 0) === (options.profile == null)) {
    throw new MeshmarkError('usage', names.length === 0 ? 'what is to be drawn? Name a job (@last is the last one), or --profile FILE' : 'jobs and --profile are two different pictures: leave one of them out')
  }

  if (options.profile != null) {
    const { parseProfileOf } = await import('../report/profile-file.ts')
    const { LOAD_FORMAT, parseLoad } = await import('../report/load.ts')
    const { parseForeign } = await import('../report/foreign-json.ts')
    const text = options.profile === '-' ? (await buffer(context.stdin)).toString() : await readText(options.profile)
    const content = parseForeign(text, options.profile === '-' ? 'standard input' : options.profile)

    if (content.at('format').value !== LOAD_FORMAT) {
      return { jobs: [], sets: [], profile: parseProfileOf(content) }
    }

    const load = parseLoad(content)

    return { jobs: [], sets: [], profile: load.recording, load }
  }

  const isFile = (name: string): boolean => /[./]/.test(name) && existsSync(name)
  const { parseResultSet } = await import('../report/result-sets.ts')
  const sets = await Promise.all(names.filter(isFile).map(async file => parseResultSet(await readText(file), file)))
  const selectors = names.filter(name => !isFile(name))

  return {
    sets,
    jobs: selectors.length === 0
      ? []
      : await withClient(options, async client => {
        const jobs = []

        for (const selector of selectors) {
          const { view, events } = await client.show(selector)

          jobs.push(finishedJob({ view, results: resultsOf(events) }))
        }

        return jobs
      })
  }
}

async function readText (file: string): Promise<string> {
  try {
    const bytes = await readFile(file)

    if (bytes.byteLength > MAX_FILE) {
      throw new Error(`it has ${bytes.byteLength} bytes, and ${MAX_FILE} are the most`)
    }

    return bytes.toString()
  } catch (err) {
    throw new MeshmarkError('usage', `${file} cannot be read: ${systemReason(err)}`)
  }
}
