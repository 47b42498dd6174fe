import { readFile } from 'node:fs/promises'
import { MAX_ITEM_BYTES } from '../model/each.ts'
import { MeshmarkError } from '../model/errors.ts'
import { LAYOUT } from './layout.ts'
import type { DraftFile, JobDraft } from '../roles/client/types.ts'
import type { CallRules } from './call-options.ts'

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

/**
 * A job with an item for each call.
 *
 * @param files - the function and what goes along
 * @param calls - encoded lists of arguments
 */
export function draftCalls ({ name, title }: { name: string, title: string }, rules: CallRules, files: readonly DraftFile[], calls: readonly string[]): JobDraft {
  const long: DraftFile[] = []
  const items = calls.map(text => {
    if (Buffer.byteLength(text) <= MAX_ITEM_BYTES) {
      return text
    }

    const path = `${LAYOUT.longArguments}${long.length}`

    long.push({ path, source: Buffer.from(text) })

    return path
  })
  const { name: jobName, env, limits, placement, retry, priority } = rules

  return {
    ...(jobName == null ? {} : { name: jobName }),
    kind: 'exec',
    commands: [{ argv: ['sh', '-c', LINE, 'sh', name, String(rules.resultBytes), '{}'], program: { kind: 'name', name: 'sh' }, name: title }],
    files: [...files, ...long],
    env,
    limits,
    placement,
    plan: { kind: 'once' },
    each: { items },
    ...(retry == null ? {} : { retry }),
    ...(priority == null ? {} : { priority })
  }
}
