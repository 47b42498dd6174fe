import { itemsOf, linesOf, parametersIn, saidCommands, saidTexts, TEXTS, usualPlace, type Form, type FormDataSet, type FormFile, type FormTexts } from './form.ts'
import type { JobBody } from '../../http/schema/job.ts'

type UploadOf = (file: FormFile) => string

/** They are one thing in JSON: `parameters`. */
const PARAMETERS: ReadonlyArray<keyof FormTexts> = ['parameterScan', 'parameterStepSize', 'parameterList']

/**
 * The job as the HTTP interface takes it. Only of a form in which nothing is
 * wrong. Pure.
 *
 * @param id - ULID of the job, so that it is the same one when it is sent twice
 * @param uploadOf - what the master called a file that was sent to it
 */
export function bodyOf (form: Form, id: string, uploadOf: UploadOf): JobBody {
  const { kind, files, data } = form
  const body: Record<string, unknown> = {
    kind,
    id,
    ...(files.length === 0 ? {} : { files: files.map(file => fileOf(file, uploadOf)) }),
    ...(data.length === 0 ? {} : { data: Object.fromEntries(data.map(set => [set.name, dataOf(set, uploadOf)])) }),
    ...(form.env.trim() === '' ? {} : { env: envOf(form) }),
    ...(usesFrom(form) ? { from: form.from } : {}),
    ...(kind === 'map' ? { map: { yaml: form.map } } : commandsOf(form))
  }

  for (const field of saidTexts(form).filter(field => !PARAMETERS.includes(field))) {
    const { isCount, isList } = TEXTS[field]

    body[field] = isCount === true ? Number(form[field].trim()) : isList === true ? linesOf(form[field]) : form[field].trim()
  }

  if (kind === 'run' || kind === 'compare') {
    Object.assign(body, measuredOf(form, body))
  }

  return body as JobBody
}

/** The job to be asked about: of its files only the names, for none is read before it is submitted. */
export function planBodyOf (form: Form): unknown {
  const { id, from, files, data, env, ...body } = bodyOf(form, '', () => '') as JobBody & { env?: Record<string, string | null> }

  return {
    ...body,
    ...(files == null ? {} : { files: files.map(({ name, executable }) => ({ name, content: '', ...(executable == null ? {} : { executable }) })) }),
    ...(data == null ? {} : { data: Object.fromEntries(Object.entries(data).map(([name, set]) => [name, 'files' in set ? { files: set.files.map(({ name }) => ({ name, content: '' })) } : { content: '' }])) }),
    ...(env == null ? {} : { env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value ?? ''])) })
  }
}

/** A file, a data set or a value of the environment is that of another job. */
export function usesFrom ({ from, files, data, env }: Form): boolean {
  return from != null && ([...files, ...data].some(({ of }) => of != null) || linesOf(env).some(line => !line.includes('=')))
}

/** As `--on` takes it. */
export function placeOf ({ on, count, workers }: Form): string {
  return on === 'some' ? count.trim() : on === 'names' ? workers.join(',') : on
}

/** Of every job but a map. */
function commandsOf (form: Form): object {
  const { kind, stdin, on } = form
  const commands = saidCommands(form)

  return {
    ...(kind === 'run' || kind === 'compare' ? { commands } : { command: commands[0] ?? '' }),
    ...(kind === 'each' ? { items: itemsOf(form) } : {}),
    ...(on === usualPlace(kind) ? {} : { on: placeOf(form) }),
    ...(stdin === '' ? {} : { stdin: { file: stdin } }),
    ...(form.shell ? { shell: true } : {}),
    ...(form.variant.length === 0 ? {} : { variant: form.variant }),
    ...(form.require.length === 0 ? {} : { require: form.require })
  }
}

function measuredOf (form: Form, { ignoreFailure }: Record<string, unknown>): object {
  const { kind, names, coldCache, counters, failIfUndecided } = form
  const parameters = parametersIn(form)

  return {
    ...(parameters.length === 0 ? {} : { parameters: Object.fromEntries(parameters.map(({ name, values }) => [name, values])) }),
    ...(ignoreFailure == null ? {} : { ignoreFailure: ignoreFailure === 'all' || (ignoreFailure as string).split(',').map(Number) }),
    ...(names.every(name => name === '') ? {} : { commandNames: names }),
    ...(coldCache ? { coldCache } : {}),
    ...(counters ? { counters } : {}),
    ...(kind === 'compare' && failIfUndecided ? { failIfUndecided } : {})
  }
}

function dataOf ({ of, isFile, files }: FormDataSet, uploadOf: UploadOf): object {
  return of != null ? { of } : isFile ? { upload: uploadOf(files[0]!) } : { files: files.map(file => fileOf(file, uploadOf)) }
}

function fileOf (file: FormFile, uploadOf: UploadOf): object {
  const { name, of, executable } = file

  return { name, ...(of == null ? { upload: uploadOf(file) } : { of }), ...(executable == null ? {} : { executable }) }
}

function envOf ({ env }: Form): Record<string, string | null> {
  return Object.fromEntries(linesOf(env).map(line => {
    const at = line.indexOf('=')

    return at === -1 ? [line.trim(), null] : [line.slice(0, at).trim(), line.slice(at + 1)]
  }))
}
