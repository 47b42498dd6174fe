import { LIMIT_KEYS, type SomeLimits } from '../../model/limits.ts'
import { DEFAULT_BACKOFF_MS, DEFAULT_MAX_BACKOFF_MS, type RestartRule } from '../../model/restart.ts'
import { fitTitle } from '../../roles/client/draft/command-titles.ts'
import { LIMIT_OPTIONS } from '../../roles/client/draft/limit-options.ts'
import { insideOf } from './command-line.ts'
import { durationText, limitText, lineText } from './texts.ts'
import type { JobMap, MapList } from '../../model/map.ts'
import type { FullJob } from '../../report/full.ts'

/** What is written as YAML: lists and mappings in block style, what is said in `{}` in one line. */
type Value = string | boolean | Value[] | { [key: string]: Value | undefined }

/**
 * A map file that says what the record of a job says. Values of the environment
 * of the whole map are not in a record, and not in it. Pure.
 *
 * @param programs - by command, as its program is called where it is not by its own name
 * @param names - of the files that go along
 */
export function mapText (job: FullJob & { map: JobMap }, programs: ReadonlyArray<string | undefined>, names: readonly string[]): string {
  const { map, commands } = job
  const named = new Set(commands.flatMap(({ program, stdin }, index) => [
    ...(program.kind === 'payload' ? [insideOf(programs[index] ?? commands[index]!.argv[0] ?? '')] : []),
    ...(stdin == null ? [] : [stdin])
  ]))
  const others = names.filter(name => !named.has(name))
  const entryOf = (entry: MapList['entries'][number]): Value => {
    const { argv, program, name, env, limits, stdin } = commands[entry.command]!
    const isShell = program.kind === 'name' && program.name === 'sh' && argv[0] === 'sh' && argv[1] === '-c' && argv.length === 3 && name === fitTitle(argv[2]!)
    const line = isShell ? argv[2]! : lineText([programs[entry.command] ?? argv[0] ?? '', ...argv.slice(1)])
    const more = {
      ...(isShell ? { shell: true } : {}),
      ...(name == null || isShell ? {} : { name }),
      ...(env == null ? {} : { env }),
      ...(stdin == null ? {} : { stdin }),
      ...(entry.restart == null ? {} : { restart: restartOf(entry.restart) }),
      ...(limits == null ? {} : { limits: limitsOf(limits) })
    }

    return Object.keys(more).length === 0 ? line : { run: line, ...more }
  }

  return yaml({
    ...(map.reportMs == null ? {} : { 'report-every': durationText(map.reportMs) }),
    ...(Object.keys(job.limits).length === 0 ? {} : { limits: limitsOf(job.limits) }),
    ...(others.length === 0 ? {} : { with: others }),
    lists: grouped(map.lists).map(({ workers, list }) => ({
      ...(workers.length > 0 ? { on: workers.length === 1 ? workers[0]! : workers } : list.where.length === 0 ? { on: 'all' } : { where: list.where.map(({ key, value }) => `${key}=${value}`).join(',') }),
      ...(list.keepGoing === true ? { 'keep-going': true } : {}),
      commands: list.entries.map(entryOf)
    }))
  }, '')
}

/** Lists that differ in their worker alone, and follow each other, are one. */
function grouped (lists: readonly MapList[]): Array<{ workers: string[], list: MapList }> {
  const groups: Array<{ workers: string[], list: MapList, key: string }> = []

  for (const list of lists) {
    const { worker, ...rest } = list
    const key = JSON.stringify(rest)
    const last = groups.at(-1)

    if (worker != null && last?.key === key && last.workers.length > 0 && !last.workers.includes(worker)) {
      last.workers.push(worker)
    } else {
      groups.push({ workers: worker == null ? [] : [worker], list, key })
    }
  }

  return groups
}

function restartOf ({ when, max, backoffMs, maxBackoffMs }: RestartRule): Value {
  const more = {
    ...(max == null ? {} : { max: String(max) }),
    ...(backoffMs === DEFAULT_BACKOFF_MS ? {} : { backoff: durationText(backoffMs) }),
    ...(maxBackoffMs === Math.max(backoffMs, DEFAULT_MAX_BACKOFF_MS) ? {} : { 'max-backoff': durationText(maxBackoffMs) })
  }

  return Object.keys(more).length === 0 ? when : { when, ...more }
}

function limitsOf (limits: SomeLimits): Value {
  return Object.fromEntries(LIMIT_KEYS.flatMap(key => limits[key] == null ? [] : [[LIMIT_OPTIONS[key].job.slice(2), limitText(key, limits[key])]]))
}

function yaml (value: Value, indent: string): string {
  if (Array.isArray(value)) {
    return value.map(item => `${indent}- ${yaml(item, `${indent}  `).slice(indent.length + 2)}`).join('')
  }

  if (typeof value !== 'object') {
    return `${indent}${scalar(value)}\n`
  }

  return Object.entries(value).map(([key, inner]) => {
    const text = yaml(inner!, `${indent}  `)

    return `${indent}${/^[\w-]+$/.test(key) && !/^(true|false|null)$/i.test(key) ? key : JSON.stringify(key)}:${typeof inner === 'object' ? `\n${text}` : ` ${text.trimStart()}`}`
  }).join('')
}

/** As it is where nothing in it means anything to YAML, else as JSON writes it, which is YAML too. */
function scalar (value: string | boolean): string {
  return typeof value === 'boolean' || (/^[A-Za-z./][\w ./@%+=-]*$/.test(value) && !/ $|^(true|false|null|yes|no|on|off|y|n)$/i.test(value)) || /^\d+(\.\d+)?[A-Za-z]*$/.test(value) ? String(value) : JSON.stringify(value)
}
