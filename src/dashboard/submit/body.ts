import { itemsOf, linesOf, saidCommands, saidTexts, TEXTS, usualPlace, type Form, type FormFile } from './form.ts'
import type { JobBody } from '../../http/schema/job.ts'

/**
 * The job as the HTTP interface takes it. Only of a form in which nothing is
 * wrong. Pure.
 *
 * @param id - ULID of the job, so that it is the same one when it is sent twice
 * @param uploadOf - what the master called a file that was sent to it
 */
export function bodyOf (form: Form, id: string, uploadOf: (file: FormFile) => string): JobBody {
  const { kind, files, stdin, on } = form
  const commands = saidCommands(form)
  const body: Record<string, unknown> = {
    kind,
    ...(kind === 'run' || kind === 'compare' ? { commands } : { command: commands[0] ?? '' }),
    ...(kind === 'each' ? { items: itemsOf(form) } : {}),
    id,
    ...(on === usualPlace(kind) ? {} : { on: placeOf(form) }),
    ...(files.length === 0 ? {} : { files: files.map(file => fileOf(file, uploadOf)) }),
    ...(stdin === '' ? {} : { stdin: { file: stdin } }),
    ...(form.env.trim() === '' ? {} : { env: envOf(form) }),
    ...(form.shell ? { shell: true } : {}),
    ...(form.variant.length === 0 ? {} : { variant: form.variant }),
    ...(form.require.length === 0 ? {} : { require: form.require }),
    ...(usesFrom(form) ? { from: form.from } : {})
  }

  for (const field of saidTexts(form)) {
    body[field] = TEXTS[field].isCount === true ? Number(form[field].trim()) : form[field].trim()
  }

  if (kind === 'run' || kind === 'compare') {
    Object.assign(body, measuredOf(form, body))
  }

  return body as JobBody
}

/** The job to be asked about: of its files only the names, for none is read before it is submitted. */
export function planBodyOf (form: Form): unknown {
  const { id, from, files, env, ...body } = bodyOf(form, '', () => '') as JobBody & { env?: Record<string, string | null> }

  return {
    ...body,
    ...(files == null ? {} : { files: files.map(({ name, executable }) => ({ name, content: '', ...(executable == null ? {} : { executable }) })) }),
    ...(env == null ? {} : { env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value ?? ''])) })
  }
}

/** A file or a value of the environment is that of another job. */
export function usesFrom ({ from, files, env }: Form): boolean {
  return from != null && (files.some(({ of }) => of != null) || linesOf(env).some(line => !line.includes('=')))
}

/** As `--on` takes it. */
export function placeOf ({ on, count, workers }: Form): string {
  return on === 'some' ? count.trim() : on === 'names' ? workers.join(',') : on
}

function measuredOf ({ kind, names, coldCache, counters, failIfUndecided }: Form, { prepare, conclude, ignoreFailure }: Record<string, unknown>): object {
  return {
    ...(prepare == null ? {} : { prepare: linesOf(prepare as string) }),
    ...(conclude == null ? {} : { conclude: linesOf(conclude as string) }),
    ...(ignoreFailure == null ? {} : { ignoreFailure: ignoreFailure === 'all' || (ignoreFailure as string).split(',').map(Number) }),
    ...(names.every(name => name === '') ? {} : { commandNames: names }),
    ...(coldCache ? { coldCache } : {}),
    ...(counters ? { counters } : {}),
    ...(kind === 'compare' && failIfUndecided ? { failIfUndecided } : {})
  }
}

function fileOf (file: FormFile, uploadOf: (file: FormFile) => string): object {
  const { name, of, executable } = file

  return { name, ...(of == null ? { upload: uploadOf(file) } : { of }), ...(executable == null ? {} : { executable }) }
}

function envOf ({ env }: Form): Record<string, string | null> {
  return Object.fromEntries(linesOf(env).map(line => {
    const at = line.indexOf('=')

    return at === -1 ? [line.trim(), null] : [line.slice(0, at).trim(), line.slice(at + 1)]
  }))
}
