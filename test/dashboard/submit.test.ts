import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { bodyOf } from '../../src/dashboard/submit/body.ts'
import { fieldOf, problemsOf } from '../../src/dashboard/submit/check.ts'
import { commandLine } from '../../src/dashboard/submit/command-line.ts'
import { EMPTY_FORM, isProgram, itemsOf, sentFiles, withKind, type Form, type FormDataSet, type FormFile } from '../../src/dashboard/submit/form.ts'
import { formOfJob } from '../../src/dashboard/submit/of-job.ts'
import { durationText, percentText, sizeText } from '../../src/dashboard/submit/texts.ts'
import { draftOfBody } from '../../src/http/exchange/job-body.ts'
import { openJob, type OpenPayload } from '../../src/http/exchange/kept-job.ts'
import { jobSpec } from '../../src/http/schema/job.ts'
import { parseDuration, parseSize } from '../../src/model/units.ts'
import { packFiles } from '../../src/node/payload/pack.ts'
import { fullJob } from '../../src/report/full.ts'
import { parsePercent } from '../../src/roles/client/draft/plan.ts'
import { type } from '../cli/helpers.ts'
import type { Job } from '../../src/model/job.ts'
import type { Client, JobDraft } from '../../src/roles/client/types.ts'

/** What the command line submits; the network is all that is not there. */
let submitted: JobDraft | undefined

vi.mock('../../src/cli/common/connect.ts', () => ({
  withClient: async (_: unknown, use: (client: Client) => Promise<unknown>) => use({
    master: { name: 'boss' },
    submit: async (draft: JobDraft) => {
      submitted = draft
      throw new Error('caught')
    }
  } as unknown as Client)
}))

const CONTENTS: Record<string, string> = { solve: '#!/bin/sh\necho solved\n', 'new one': '#!/bin/sh\necho new\n', 'data.csv': '1,2\n', "it's in": 'x' }
const PROGRAMS = ['solve', 'new one']
const UPLOADS = new Map<string, string>()
const home = process.cwd()

function file (name: string): FormFile {
  return { name, size: CONTENTS[name]!.length, blob: new Blob([CONTENTS[name]!]), executable: isProgram(new TextEncoder().encode(CONTENTS[name])) }
}

/** Data sets as they are chosen, and lie in the folder. */
const DATA: Record<string, string | Record<string, string>> = { 'words.txt': 'one\ntwo\n', corpus: { 'a.txt': 'a', 'sub/b.txt': 'b' } }

function dataSet (path: string): FormDataSet {
  const content = DATA[path]!
  const isFile = typeof content === 'string'
  const files = (isFile ? [[path, content]] : Object.entries(content)).map(([name, text]): FormFile => ({ name: name!, size: text!.length, blob: new Blob([text!]) }))

  return { name: path.replace('.txt', ''), path, isFile, files, size: 0 }
}

const word = fc.oneof(fc.constantFrom('{size}', 'x{n}y', '{mode}-{size}', '{n}', '-v', '--size', '{}', '5', 'a b', "it's", '"', '$HOME', '\\', '--', 'data.csv', '-', '#', 'é', '\u202e', '*'), fc.string({ maxLength: 6 }).filter(text => !text.includes('\0')))
const program = fc.constantFrom('./solve', 'python3', 'worker:/usr/bin/awk', './new one')
const line = fc.tuple(program, fc.array(word, { maxLength: 4 })).map(words => words.flat().map(text => `'${text.replaceAll("'", "'\\''")}'`).join(' '))
const duration = fc.constantFrom('250ms', '5s', '1.5m', '2h', '90')
const size = fc.constantFrom('64M', '2G', '104857600')
const maybe = (texts: fc.Arbitrary<string>): fc.Arbitrary<string> => fc.oneof(fc.constant(''), texts)
const shellText = fc.constantFrom('cc -o x x.c', "echo 'a b' > f", 'make -j "$N"')

const forms: fc.Arbitrary<Form> = fc.record({
  kind: fc.constantFrom('run', 'compare', 'exec', 'each' as const),
  commands: fc.uniqueArray(line, { minLength: 2, maxLength: 3 }),
  single: fc.boolean(),
  shell: fc.boolean(),
  items: fc.array(fc.constantFrom('10', 'a b', "o'clock", '-x', ':::', '$1', 'é'), { minLength: 1, maxLength: 4 }),
  withStdin: fc.boolean(),
  env: fc.constantFrom('', 'THREADS=4', 'A=b c\nEMPTY=\nQ=\'"$x'),
  on: fc.constantFrom('all', 'any', 'some', 'names' as const),
  where: maybe(fc.constantFrom('arch=arm64', 'cores=8..,label.zone=lab', 'python=3.11..')),
  often: fc.constantFrom('precision', 'runs' as const),
  texts: fc.record({
    runs: fc.constantFrom('1', '20'),
    warmup: maybe(fc.constantFrom('0', '2')),
    minRuns: maybe(fc.constant('3')),
    maxRuns: maybe(fc.constant('50')),
    precision: maybe(fc.constantFrom('2%', '0.5')),
    budget: maybe(duration),
    metric: maybe(fc.constantFrom('cpu', 'memory')),
    margin: maybe(fc.constantFrom('3%', '0.7%')),
    failIfSlower: maybe(fc.constantFrom('5%', '0')),
    setup: maybe(shellText),
    prepare: maybe(shellText),
    conclude: maybe(shellText),
    cleanup: maybe(shellText),
    ignoreFailure: maybe(fc.constantFrom('all', '1,2')),
    quietWait: maybe(fc.constantFrom('0', '3s')),
    timeout: maybe(duration),
    memory: maybe(size),
    outputLimit: maybe(size),
    processes: maybe(fc.constant('20')),
    name: maybe(fc.constantFrom('nightly', 'a.b-c')),
    priority: maybe(fc.constantFrom('-5', '7')),
    deadline: maybe(duration),
    retry: maybe(fc.constantFrom('3', '3:10s')),
    retryLost: maybe(duration),
    replicas: maybe(fc.constant('2')),
    parameterList: maybe(fc.constantFrom('size 1,2', 'size 10,11,110\nmode fast,slow', 'mode a\\,b,c\\\\d,', 'size 5', 'unused 1,2')),
    parameterScan: maybe(fc.constantFrom('n 1 3', 'n 0 1', 'n -1 1')),
    parameterStepSize: maybe(fc.constantFrom('0.5', '2')),
    collect: maybe(fc.constantFrom('out/*', './a b.log\n**/*.txt')),
    collectMax: maybe(fc.constantFrom('1M', '100')),
    build: maybe(fc.constant('cc -O2 -o built built.c')),
    buildTimeout: fc.constant('')
  }),
  require: fc.subarray(['cgroup', 'two-uids']),
  data: fc.subarray(Object.keys(DATA)),
  flags: fc.record({ coldCache: fc.boolean(), counters: fc.boolean(), failIfUndecided: fc.boolean() })
}).map(({ kind, commands, single, items, withStdin, on, texts, flags, data, ...rest }) => ({
  ...EMPTY_FORM,
  ...rest,
  ...texts,
  ...flags,
  kind,
  commands: (single && kind === 'run') || (kind === 'compare' && texts.parameterList + texts.parameterScan !== '') ? commands.slice(0, 1) : commands,
  data: data.map(dataSet),
  items: items.join('\n'),
  files: Object.keys(CONTENTS).map(file),
  stdin: withStdin ? 'data.csv' : '',
  on: kind === 'each' ? 'any' : on,
  workers: ['lab-1', 'lab-2']
} satisfies Form))

async function drafted (form: Form, kept?: Parameters<typeof draftOfBody>[1]['job']): Promise<JobDraft> {
  const body = bodyOf(form, '01JQZ3N8T5A9B0CDEFGHJKMNPQ', ({ name }) => name)
  const parsed = jobSpec.parse(JSON.parse(JSON.stringify(body)))

  return (await draftOfBody(parsed, { upload: name => UPLOADS.get(name)!, job: kept ?? (async () => { throw new Error('no job') }) })).draft
}

/** With the contents of its files instead of where they are; the command line makes its id later. */
async function plain ({ id, files, data = [], ...draft }: JobDraft): Promise<object> {
  const [payload, ...sets] = await Promise.all([files, ...data.map(({ files }) => files)].map(async files => {
    const packed = await packFiles(files)

    await packed.close()

    return packed.manifest
  }))

  return { ...draft, payload, data: data.map(({ name, file }, index) => ({ name, file, payload: sets[index] })) }
}

/** The record of a job, and what opens the payloads that it has. */
async function recorded ({ files, data = [], ...draft }: JobDraft): Promise<{ job: Job, open: OpenPayload, close: () => Promise<void> }> {
  const packed = await packFiles(files)
  const sets = await Promise.all(data.map(async ({ files, ...set }) => ({ ...set, packed: await packFiles(files) })))
  const all = [packed, ...sets.map(({ packed }) => packed)]

  return {
    job: { ...draft, id: '01JQZ3N8T5A9B0CDEFGHJKMNPQ', client: 'me', payload: packed.manifest, submittedAt: 0, ...(sets.length === 0 ? {} : { data: sets.map(({ packed, ...set }) => ({ ...set, payload: packed.manifest })) }) },
    open: async id => all.find(({ manifest }) => manifest.id === id)!,
    close: async () => { await Promise.all(all.map(async ({ close }) => close())) }
  }
}

let folder: string

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'meshmark-test-')))
  process.chdir(folder)

  for (const [name, content] of Object.entries(CONTENTS)) {
    await writeFile(name, content, { mode: PROGRAMS.includes(name) ? 0o755 : 0o644 })
    UPLOADS.set(name, `${folder}/upload-${UPLOADS.size}`)
    await writeFile(UPLOADS.get(name)!, content, { mode: 0o600 })
  }

  for (const [path, content] of Object.entries(DATA)) {
    for (const [name, text] of typeof content === 'string' ? [[path, content]] : Object.entries(content)) {
      const file = typeof content === 'string' ? path : join(path, name!)

      UPLOADS.set(name!, join(folder, file))
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, text!)
    }
  }
})

afterAll(async () => {
  process.chdir(home)
  await rm(folder, { recursive: true, force: true })
})

beforeEach(() => { submitted = undefined })

describe('a job that is filled in', () => {
  it('is the same job as the command line beside it, whatever is filled in', async () => {
    await fc.assert(fc.asyncProperty(forms, async form => {
      fc.pre(problemsOf(form).size === 0)

      const { words } = commandLine(form)

      fc.pre(words != null)

      const [, ...argv] = words!

      if (argv.includes('items.txt')) {
        await writeFile('items.txt', itemsOf(form).join('\n'))
      }

      const [ofPage, said] = await Promise.all([drafted(form).catch((err: Error) => err.message), type([argv[0]!, '--detach', ...argv.slice(1)])])

      if (submitted == null) {
        // what the form does not see, both refuse in the same words
        expect(said.err).toContain(ofPage)
      } else {
        expect(typeof ofPage).toBe('object')
        expect(await plain(submitted)).toEqual(await plain(ofPage as JobDraft))
      }

      submitted = undefined
    }), { numRuns: 50 })
  }, 60_000)

  it('is what it was when it is filled from its own record, with files and environment of that job', async () => {
    await fc.assert(fc.asyncProperty(forms, async form => {
      fc.pre(problemsOf(form).size === 0)

      const draft = await drafted(form).catch(() => undefined)

      fc.pre(draft != null)

      const { job, open, close } = await recorded(draft!)
      const { form: again, left } = formOfJob(fullJob(job))

      expect(left).toEqual([])
      expect([...problemsOf(again)]).toEqual([])
      expect([...again.files, ...again.data].every(({ of }) => of != null) && sentFiles(again).length === 0).toBe(true)
      expect(await plain(await drafted(again, async () => openJob(job, 'me', open)))).toEqual(await plain(draft!))
      await close()
    }), { numRuns: 40 })
  }, 60_000)
})

describe('a job of the command line', () => {
  it('keeps two programs of one name apart under the names by which they were called', () => {
    const { form } = formOfJob(fullRecord({ commands: [called('./old/app', 'app'), called('./new/app', '2/app')], payload: payload('2/app', 'app') }))

    expect(form.files.map(({ name, of }) => [name, of])).toEqual([['new/app', '2/app'], ['old/app', 'app']])
    expect(form.commands).toEqual(['./old/app', './new/app'])
    expect(problemsOf(form).size).toBe(0)
  })

  it('calls a program of elsewhere by its name in the folder', () => {
    const { form } = formOfJob(fullRecord({ commands: [called('/home/me/bin/app', 'app')], payload: payload('app') }))

    expect(form.commands).toEqual(['./app'])
    expect(commandLine(form).words).toEqual(['meshmark', 'run', './app'])
  })

  it('tells what of it has no place in the form', () => {
    const commands = ['a b', 'c'].map((value): Job['commands'][number] => ({ argv: ['echo', ...value.split(' ')], program: { kind: 'name', name: 'echo' }, parameters: { words: value } }))

    expect(formOfJob(fullRecord({ commands, comparison: { metric: 'wall', margin: 0.01, failIfUndecided: false }, collect: { patterns: ['*'], maxBytes: 1 } }))).toMatchObject({
      form: { commands: ['echo a b', 'echo c'], parameterList: '' },
      left: ['the files that it brings back', 'its parameters: each of the commands that they made stands here by itself']
    })
  })

  it('does not tell values of the environment, nor hands those of another one on', async () => {
    const job = { ...record({ commands: [{ argv: ['env'], program: { kind: 'name', name: 'env' } }] }), env: { TOKEN: 'secret' } }
    const { form } = formOfJob(fullJob(job))
    const again = async (asker: string): Promise<JobDraft> => drafted(form, async () => openJob(job, asker, async () => { throw new Error('no payload') }))

    expect(form.env).toBe('TOKEN')
    expect(commandLine(form)).toEqual({ words: ['meshmark', 'run', 'env'], notes: ['The value of TOKEN is not shown: add --env KEY=VALUE.'] })
    expect((await again('me')).env).toEqual({ TOKEN: 'secret' })
    await expect(again('admin')).rejects.toThrow(/--env TOKEN: job .* is another one's/)
  })
})

describe('a map that is filled in', () => {
  const lines = fc.constantFrom<unknown>('./solve 20', 'python3 -c 1', ['./new one', '{}', "it's"], { run: 'echo "a b" > f; cat f', shell: true }, { run: './solve', name: 'named one', stdin: 'data.csv', limits: { timeout: '5s', memory: '64M' } }, { run: 'true', env: { A: '1', null: 'x: y' }, restart: 'on-failure' }, { run: 'true', restart: { when: 'always', max: 3, backoff: '10ms', 'max-backoff': '2h' } })
  const list = fc.record({ on: fc.constantFrom<unknown>('all', 'lab-1', ['lab-[1-3]', 'true'], undefined), where: fc.constant('arch=arm64,cores=8..'), 'keep-going': fc.boolean(), commands: fc.array(lines, { minLength: 1, maxLength: 3 }) })
    .map(({ on, where, ...rest }) => on == null ? { where, ...rest } : { on, ...rest })
  const maps = fc.record({ top: fc.record({ name: fc.constant('night'), 'report-every': fc.constant('30s'), limits: fc.constant({ timeout: '2h', 'tmp-files': 5 }), restart: fc.constant('on-failure'), with: fc.constant(['data.csv']) }, { requiredKeys: ['with'] }), lists: fc.array(list, { minLength: 1, maxLength: 3 }), data: fc.subarray(Object.keys(DATA)), collect: maybe(fc.constant('out/*\n*.log')), priority: maybe(fc.constant('3')) })
    .map(({ top, lists, data, ...rest }): Form => ({ ...EMPTY_FORM, ...rest, kind: 'map', map: JSON.stringify({ ...top, lists }, null, 1), data: data.map(dataSet) }))
    .map((form): Form => ({ ...form, files: Object.keys(CONTENTS).filter(name => form.map.includes(name)).map(file) }))

  it('is the same job as the command line beside it, and as what its record fills in', async () => {
    await fc.assert(fc.asyncProperty(maps, async form => {
      fc.pre(problemsOf(form).size === 0)

      const draft = await drafted(form)

      await writeFile('map.yaml', form.map)
      await type(['map', '--detach', ...commandLine(form).words!.slice(2)])
      expect(await plain(submitted!)).toEqual(await plain(draft))

      const { job, open, close } = await recorded(draft)
      const { form: again, left } = formOfJob(fullJob(job))

      expect(left).toEqual([])
      expect([...problemsOf(again)]).toEqual([])
      expect(await plain(await drafted(again, async () => openJob(job, 'me', open)))).toEqual(await plain(draft))
      await close()
    }), { numRuns: 20 })
  }, 60_000)

  it('has complaints with their places, as the command line has', async () => {
    const map = 'name: two words\nlists:\n  - on: lab-1\n    comands: [ls]\n  - commands: [./gone]\n'
    const complaints = problemsOf({ ...EMPTY_FORM, kind: 'map', map }).get('map')!

    await writeFile('map.yaml', map)
    expect((await type(['map', '--check', 'map.yaml'])).err).toBe(`${complaints.replace(/^map:/gm, 'meshmark: map.yaml:')}\n`)
    expect(complaints).toMatch(/^map:1:7: name 'two words' must be[^\n]*\n.*map:4:5: a list has no 'comands': did you mean commands\?/s)
    expect(problemsOf({ ...EMPTY_FORM, kind: 'map', map: 'lists:\n  - on: all\n    commands:\n      - ./gone 1\n' }).get('map')).toMatch(/^map:4:9: program \.\/gone is none of the job's files: choose it above/)
    expect(problemsOf({ ...EMPTY_FORM, kind: 'map', map: 'lists: [{ on: all, commands: [ls] }]', files: [file('solve')] }).get('files')).toBe('the map names solve nowhere: write it behind with:, or remove it here')
    expect([...problemsOf({ ...EMPTY_FORM, kind: 'map' }).keys()]).toEqual(['map'])
    expect(fieldOf('map:4:9: program ./gone is none')).toBe('map')
  })

  it('takes values of its environment from the job before, which are not shown', async () => {
    const job = { ...record({ kind: 'exec', commands: [{ argv: ['env'], program: { kind: 'name', name: 'env' } }], plan: { kind: 'once' }, map: { lists: [{ where: [], entries: [{ command: 0 }] }] } }), env: { TOKEN: 'secret' } }
    const { form } = formOfJob(fullJob(job))

    expect(JSON.stringify(form)).not.toContain('secret')
    expect(form.map).toBe('lists:\n  - on: all\n    commands:\n      - env\n')
    expect((await drafted(form, async () => openJob(job, 'me', async () => { throw new Error('no payload') }))).env).toEqual({ TOKEN: 'secret' })
    expect(commandLine(form)).toEqual({ words: ['meshmark', 'map', 'map.yaml'], notes: ['Its environment (TOKEN) is written there: env in map.yaml.', 'map.yaml has the map.'] })
  })
})

describe('what is wrong with a form', () => {
  const form = (some: Partial<Form>): Form => ({ ...EMPTY_FORM, commands: ['ls'], ...some })

  it.each<[string, Partial<Form>, RegExp]>([
    ['commands', { commands: [''] }, /is empty: name a program|no program/],
    ['commands', { commands: ["echo 'a"] }, /without its other end/],
    ['commands', { commands: ['./solve'] }, /\.\/solve is none of the job's files: choose it below/],
    ['commands', { kind: 'compare' }, /one command to compare/],
    ['timeout', { timeout: 'soon' }, /^--timeout 'soon' is not a duration/],
    ['memory', { memory: '1K' }, /^--memory '1K' is less than the least/],
    ['runs', { often: 'runs', runs: 'x' }, /^--runs 'x' is not a whole number/],
    ['runs', { often: 'runs' }, /say how many/],
    ['minRuns', { minRuns: '9', maxRuns: '3' }, /^--min-runs 9 is more than --max-runs 3/],
    ['precision', { precision: '200%' }, /between 0 and 100/],
    ['on', { on: 'names' }, /no worker is chosen/],
    ['on', { on: 'some', count: '0' }, /^--on '0' is not a whole number/],
    ['where', { where: 'colour=red' }, /^--where does not know 'colour'/],
    ['name', { name: 'two words' }, /^--name 'two words'/],
    ['priority', { priority: '1000' }, /^--priority '1000'/],
    ['env', { env: 'A' }, /^--env 'A' is not KEY=VALUE/],
    ['items', { kind: 'each', on: 'any' }, /there are no items/],
    ['stdin', { stdin: 'gone' }, /gone is none of the job's files/],
    ['files', { files: [{ name: '../x', size: 1, blob: new Blob() }] }, /inside the program's folder/],
    ['files', { files: [{ name: 'x', size: 1, blob: new Blob() }, { name: 'x', size: 2, blob: new Blob() }] }, /two files would be x/]
  ])('stands at %s', (field, some, words) => {
    expect([...problemsOf(form(some))]).toEqual([[field, expect.stringMatching(words)]])
  })

  it('is a file that the master will not take, before it is sent', () => {
    const limits = { fileBytes: 100, tokenBytes: 150, files: 10 }
    const of = (size: number): FormFile => ({ name: `f${size}`, size, blob: new Blob() })

    expect(problemsOf(form({ files: [of(101)] }), limits).get('files')).toMatch(/f101 has 101 B, and 100 B is the most/)
    expect(problemsOf(form({ files: [of(90), of(80)] }), limits).get('files')).toMatch(/170 B together, and 150 B/)
    expect(problemsOf(form({ data: [{ name: 'many', path: 'many', isFile: false, size: 11, files: Array.from({ length: 11 }, (_, at) => ({ ...of(1), name: `f${at}` })) }] }), limits).get('files')).toMatch(/^11 files are more than can go along/)
    expect(problemsOf(form({ files: [of(90), { name: 'kept', size: 1_000, of: 'kept' }] }), limits).size).toBe(0)
  })

  it('is found again in what the master says', () => {
    expect(fieldOf("--variant 'x' is not CONDITION:FILE")).toBe('variant')
    expect(fieldOf('program ./x is empty: there is nothing to run')).toBe('commands')
    expect(fieldOf('the files are more than a payload holds')).toBe('files')
    expect(fieldOf("no upload 'abc': send the file with PUT /v1/files")).toBe('files')
    expect(fieldOf('no worker matches')).toBeUndefined()
  })
})

describe('a form', () => {
  it('says nothing that does not count for its kind of job, and keeps it', () => {
    const form: Form = { ...EMPTY_FORM, commands: ['./a', './b'], warmup: '2', retry: '3', margin: '2%' }

    expect(commandLine(withKind(form, 'exec')).words).toEqual(['meshmark', 'exec', '--retry', '3', './a'])
    expect(commandLine(withKind(withKind(form, 'exec'), 'compare')).words).toEqual(['meshmark', 'compare', '--warmup', '2', '--margin', '2%', './a', './b'])
  })

  it('goes where jobs of its kind go, unless workers were chosen', () => {
    expect(withKind(EMPTY_FORM, 'exec').on).toBe('any')
    expect(withKind({ ...EMPTY_FORM, on: 'names' }, 'exec').on).toBe('names')
    expect(withKind({ ...EMPTY_FORM, on: 'names' }, 'each').on).toBe('any')
  })

  it('writes durations, sizes and percentages that are read as what they were', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 40 }), number => {
      expect(parseDuration(durationText(number))).toBe(number)
      expect(parseSize(sizeText(number))).toBe(number)
    }))
    fc.assert(fc.property(fc.integer({ min: 1, max: 999_999 }), number => {
      const fraction = parsePercent(String(number / 10_000), 'p')

      expect(parsePercent(percentText(fraction), 'p')).toBe(fraction)
    }))
  })
})

function called (argv0: string, path: string): Job['commands'][number] {
  return { argv: [argv0], program: { kind: 'payload', path } }
}

function payload (...paths: string[]): NonNullable<Job['payload']> {
  return { id: '0'.repeat(64), files: paths.map(path => ({ path, size: 1, executable: true })), chunkSize: 1, chunks: [] }
}

function record (some: Partial<Job>): Job {
  return { id: '01JQZ3N8T5A9B0CDEFGHJKMNPQ', client: 'me', kind: 'run', commands: [], env: {}, limits: {}, placement: { on: 'all', where: [] }, plan: { kind: 'precision', precision: 0.01, budgetMs: 5_000, minRuns: 1, maxRuns: 10_000, warmup: 0 }, submittedAt: 0, ...some }
}

function fullRecord (some: Partial<Job>): ReturnType<typeof fullJob> {
  return fullJob(record(some))
}
