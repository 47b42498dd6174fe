import { readFile } from 'node:fs/promises'
import { MAX_ITEM_BYTES } from '../model/each.ts'
import { MeshmarkError } from '../model/errors.ts'
import { formatBytes } from '../model/units.ts'
import { parseWhere } from '../machine/match.ts'
import { DEFAULT_RESULT_BYTES, LAYOUT } from './layout.ts'
import type { DraftFile, JobDraft } from '../roles/client/types.ts'
import type { CallOptions } from './types.ts'

/** What functions print beside a result that uses its bound up. */
const PRINTED_BYTES = 16 * 1024 * 1024

/**
 * The worker's own Node where that is bound into the box by itself, else the
 * one that is installed. What the function prints goes to stderr, however it
 * does; the host answers on another descriptor, which is stdout here.
 */
const LINE = `n=/box/bin/node; [ -x "$n" ] || n=node; exec "$n" ${LAYOUT.host} "$@" 3>&1 1>&2`

/** This file is compiled into dist/functions/ and dist/bundle/, or run from src/functions/ by tests. */
const HOST = new URL(`${import.meta.url.endsWith('.ts') ? '../../dist' : '..'}/function-host.mjs`, import.meta.url)

let host: Promise<Uint8Array> | undefined

/** The program that calls functions, for a payload. Throws `failed` when this was not built. */
export async function hostFile (): Promise<DraftFile> {
  host ??= readFile(HOST).catch(err => {
    throw new MeshmarkError('failed', `${HOST.pathname} is missing: run npm run build`, { cause: err })
  })

  return { path: LAYOUT.host, source: await host }
}

/** Bytes that an encoded result may have. */
export function resultBound ({ resultBytes = DEFAULT_RESULT_BYTES, limits }: Pick<CallOptions, 'resultBytes' | 'limits'>): number {
  return Math.min(resultBytes, limits?.outputBytes ?? Infinity)
}

/**
 * A job with an item for each call.
 *
 * @param files - the function and what goes along
 * @param calls - encoded lists of arguments
 */
export function draftCalls ({ name, title }: { name: string, title: string }, options: CallOptions, files: readonly DraftFile[], calls: readonly string[]): JobDraft {
  const long: DraftFile[] = []
  const items = calls.map(text => {
    if (Buffer.byteLength(text) <= MAX_ITEM_BYTES) {
      return text
    }

    const path = `${LAYOUT.longArguments}${long.length}`

    long.push({ path, source: Buffer.from(text) })

    return path
  })
  const bound = resultBound(options)

  return {
    name: options.name,
    kind: 'exec',
    commands: [{ argv: ['sh', '-c', LINE, 'sh', name, String(bound), '{}'], program: { kind: 'name', name: 'sh' }, name: title }],
    files: [...files, ...long],
    env: options.env ?? {},
    limits: { ...options.limits, outputBytes: options.limits?.outputBytes ?? bound + PRINTED_BYTES },
    placement: { on: 'any', where: (options.where ?? []).flatMap(condition => typeof condition === 'string' ? parseWhere(condition) : [condition]) },
    plan: { kind: 'once' },
    each: { items },
    ...(options.retry == null ? {} : { retry: options.retry }),
    ...(options.priority == null ? {} : { priority: options.priority })
  }
}

/** Throws `usage` for options that no job can have. */
export function checkOptions (options: CallOptions): void {
  const { resultBytes, name } = options

  if (resultBytes != null && !(Number.isSafeInteger(resultBytes) && resultBytes > 0)) {
    throw new MeshmarkError('usage', `resultBytes must be a number of bytes such as ${DEFAULT_RESULT_BYTES} (${formatBytes(DEFAULT_RESULT_BYTES)}), not ${String(resultBytes)}`)
  }

  if (name != null && !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) {
    throw new MeshmarkError('usage', `name '${name}' must be at most 64 letters, digits, dots, dashes or underscores`)
  }

  draftCalls({ name: '', title: '' }, options, [], [])
}
