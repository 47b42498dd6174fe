import { z } from 'zod'
import { MAX_PATTERNS } from '../../model/collect.ts'
import { METRICS } from '../../model/comparison.ts'
import { MAX_ITEMS } from '../../model/each.ts'
import { MAX_COMMANDS } from '../../model/job.ts'
import { MAX_FILES } from '../../model/payload.ts'
import { REQUIREMENTS } from '../../model/requirements.ts'
import { MAX_VARIANTS } from '../../model/variants.ts'
import { mapContent, mapText } from './map.ts'
import type { AnyJobOptions, CompareOptions, EachSpec, ExecSpec, JobOptions, MapSpec, MeasureOptions } from '../../library/options.ts'

/*
 * A job as JSON: the fields of the library (src/library/options.ts) with their
 * meaning; only files are given otherwise, for the paths of whoever asks are
 * not here. What a value may be is judged where the library judges it.
 */

const text = z.string().max(1_000_000)
const duration = z.union([z.string().max(40), z.number()]).describe("'250ms', '5s', '1.5m', '2h'; a number is seconds")
const size = z.union([z.string().max(40), z.number()]).describe("'64K', '100M', '2G', 1024-based; a number is bytes")
const percent = z.union([z.string().max(40), z.number()]).describe("'1%'; a number is percent too")
const count = z.int()
const command = z.union([text, z.array(text).min(1).max(10_000)]).describe('One text, split as a shell would without being one, or the words. A path (./solve) is one of the files, a bare name the worker\'s own program, worker:/path that file there')
const lines = z.union([text, z.array(text).max(MAX_COMMANDS)])

const content = { content: z.string().describe('Text') }
const base64 = { base64: z.base64() }
const upload = { upload: z.string().max(64).describe('What PUT /v1/files answered as `id`') }
const named = { name: z.string().max(512).describe('Its path beside the program'), executable: z.boolean().optional() }

const kept = { of: z.string().max(512).describe('Path of a file of the job that `from` names: it is not sent again') }

export const file = z.union([z.strictObject({ ...named, ...content }), z.strictObject({ ...named, ...base64 }), z.strictObject({ ...named, ...upload }), z.strictObject({ ...named, ...kept })])
const single = z.union([z.strictObject(content), z.strictObject(base64), z.strictObject(upload)])
export const stdin = z.union([...single.options, z.strictObject({ file: z.string().max(512).describe('Name of one of the files') })])
export const dataSet = z.union([...single.options, z.strictObject({ files: z.array(file).min(1).max(MAX_FILES) }), z.strictObject({ of: z.string().max(64).describe('Name of a data set of the job that `from` names: it is not sent again') })])

const env = z.record(z.string(), z.union([text, z.null()])).describe('Environment of the program; null: as in the job that `from` names, which must be one of this token')

const any = {
  files: z.array(file).max(MAX_FILES).optional().describe('Files that go along and lie beside the program'),
  data: z.record(z.string().max(64), dataSet).optional().describe('Data sets: data/NAME beside the program is the file, or a folder with the files; sent once, and kept by the workers'),
  collect: z.array(z.string().max(1_000)).max(MAX_PATTERNS).optional().describe("Patterns of files that are brought back, such as 'out/*' or '**/*.log': of the last run"),
  collectMax: size.optional().describe('At most so much of one task'),
  from: z.string().max(64).optional().describe('Id or name of a job that this token may see: files, data sets and environment may be its'),
  name: z.string().max(64).optional().describe('To find the job by'),
  id: z.string().max(26).optional().describe('ULID; the same id again is the same job'),
  replicas: count.optional().describe('Accept it only when so many masters have it on disk'),
  priority: count.optional().describe('Which of one\'s own jobs goes first: -100 to 100'),
  deadline: duration.optional().describe('What has not ended so long after the job was accepted is cancelled')
} satisfies Record<keyof AnyJobOptions | 'from', z.ZodType>

const job = {
  ...any,
  on: z.union([text, count, z.array(text).max(10_000)]).optional().describe("'all', 'any', so many workers, or names: 'lab-[1-4],pi'. Default: all for run and compare, any otherwise"),
  where: z.union([text, z.array(text).max(64), z.record(z.string(), z.union([z.string(), z.number()]))]).optional().describe("Only workers like this: 'arch=arm64,cores=8..', or {\"arch\": \"arm64\"}"),
  require: z.array(z.enum(REQUIREMENTS)).optional().describe('Protections of the sandbox without which it must not run'),
  stdin: stdin.optional().describe('What every run reads as its standard input'),
  env: env.optional(),
  shell: z.boolean().optional().describe('Hand the command line to sh -c'),
  variant: z.array(text).max(MAX_VARIANTS).optional().describe("'CONDITION:FILE': the program's file on workers like this, one of the files that go along"),
  build: text.optional().describe('A line for sh that every worker does first, once, in a sandbox; files that it leaves are there in every run'),
  buildTimeout: duration.optional().describe('Wall time of the build'),
  buildMemory: size.optional().describe('Memory of the build'),
  retryLost: duration.optional().describe("With on: 'any': run it elsewhere when its worker has been lost for so long; it may then run twice"),
  timeout: duration.optional().describe('Wall time of one run'),
  cpuTime: duration.optional().describe('CPU time of one run, all its processes together'),
  memory: size.optional().describe('Memory of all its processes together'),
  processes: count.optional().describe('Processes and threads at once'),
  outputLimit: size.optional().describe('What it may print'),
  fileLimit: size.optional().describe('The largest file it may write'),
  tmpLimit: size.optional().describe('What it may keep in its folder and /tmp'),
  tmpFiles: count.optional().describe('Files it may keep there'),
  openFiles: count.optional().describe('Files open at once, for each process')
} satisfies Record<keyof JobOptions | 'from', z.ZodType>

const measure = {
  ...job,
  runs: count.optional().describe('Exactly so many measured runs, or pairs'),
  warmup: count.optional(),
  minRuns: count.optional(),
  maxRuns: count.optional(),
  precision: percent.optional().describe('Stop when the median is known this well'),
  budget: duration.optional().describe('Stop after this long for each command and worker'),
  commandNames: z.array(text).max(MAX_COMMANDS).optional(),
  parameters: z.record(z.string(), z.array(z.union([z.string(), z.number()])).max(MAX_COMMANDS)).optional().describe('{NAME} in commands, names and hooks is each of the values'),
  setup: text.optional().describe('Line for sh -c, once before all runs'),
  prepare: lines.optional().describe('Line for sh -c, before each run'),
  conclude: lines.optional().describe('Line for sh -c, after each run'),
  cleanup: text.optional().describe('Line for sh -c, once after all runs'),
  ignoreFailure: z.union([z.boolean(), z.array(count).max(256)]).optional().describe('Exit codes beside 0 that are no failure; true = all'),
  coldCache: z.boolean().optional(),
  counters: z.boolean().optional(),
  quietWait: duration.optional()
} satisfies Record<keyof MeasureOptions, z.ZodType>

const compare = {
  ...measure,
  metric: z.enum(METRICS).optional(),
  margin: percent.optional(),
  failIfSlower: percent.optional(),
  failIfUndecided: z.boolean().optional()
} satisfies Record<keyof CompareOptions, z.ZodType>

const exec = {
  command,
  ...job,
  retry: z.union([z.string().max(40), z.number()]).optional().describe("After a failure so many times more, each after twice the pause of the one before: 3, or '3:10s'")
} satisfies Record<Exclude<keyof ExecSpec, 'kind'>, z.ZodType>

const each = {
  ...exec,
  items: z.array(z.string()).min(1).max(MAX_ITEMS)
} satisfies Record<Exclude<keyof EachSpec, 'kind'>, z.ZodType>

const commands = z.array(command).min(1).max(MAX_COMMANDS)

export const jobSpec = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('run').describe('Measure'), commands, ...measure }),
  z.strictObject({ kind: z.literal('compare').describe('Compare with the first command'), commands, ...compare }),
  z.strictObject({ kind: z.literal('exec').describe('Run once on a free worker'), ...exec }),
  z.strictObject({ kind: z.literal('each').describe('Run once for each item'), ...each }),
  z.strictObject({ kind: z.literal('map').describe('Each worker its own list of commands'), ...any, env: env.optional().describe('Of every command, beside that of the map and instead of it; null: as in the job that `from` names, which must be one of this token'), map: z.union([mapContent, mapText]) } satisfies Record<keyof MapSpec | 'from' | 'env', z.ZodType>)
])

export type JobBody = z.infer<typeof jobSpec>
export type FileBody = z.infer<typeof file>
export type ContentBody = z.infer<typeof single>
export type DataBody = z.infer<typeof dataSet>
