import type { Command } from 'commander'
import { formatProcessorList } from '../machine/processor-list.ts'
import { printable } from '../model/text.ts'
import { formatBytes } from '../model/units.ts'
import type { WorkerInfo } from '../model/machine.ts'
import type { NodeRow } from '../node/protocol/submit/messages.ts'
import { withClient } from './common/connect.ts'
import type { Context } from './common/context.ts'
import { addConnectionOptions, addExamples, type ConnectionOptions, formatOption, type FormatOptions } from './common/options.ts'
import { formatAge, renderRows, type Column } from './common/rows.ts'
import { sandboxWords } from '../report/sandbox-words.ts'
import { writeAll } from './common/write.ts'

/** Workers. */
const COUNTED_BY_EYE = 20

/** Made once: of a thousand names ten thousand pairs are compared. */
const BY_NAME = new Intl.Collator(undefined, { numeric: true })

const COLUMNS: ReadonlyArray<Column<NodeRow>> = [
  { heading: 'name', key: 'name', value: row => row.name },
  { heading: 'role', key: 'role', value: row => row.role },
  { heading: 'state', key: 'state', value: row => row.state, text: stateWords },
  { heading: 'for', key: 'since_ms', value: row => row.sinceMs, text: row => formatAge(row.sinceMs), align: 'right' },
  { heading: 'arch', key: 'arch', value: row => row.info?.resources.arch ?? null },
  { heading: 'cpu', key: 'cpu', value: row => row.info?.resources.cpuModel ?? null, shrinkTo: 12 },
  { heading: 'cores', key: 'cores', value: row => row.info?.resources.cores ?? null, text: coresWords, align: 'right' },
  { heading: 'memory', key: 'memory_bytes', value: row => row.info?.resources.memoryBytes ?? null, text: row => row.info == null ? '' : formatBytes(row.info.resources.memoryBytes), align: 'right' },
  { heading: 'floor', key: 'floor_ns', value: row => row.info?.floor?.medianNs ?? null, text: floorWords, align: 'right', drop: 2 },
  { heading: 'noise', key: 'noise', value: row => row.info?.noise?.grade ?? null, drop: 3 },
  { heading: 'sandbox', key: 'sandbox', value: row => row.info == null ? null : sandboxWords(row.info.sandbox), shrinkTo: 8 },
  { heading: 'labels', key: 'labels', value: row => Object.entries(row.info?.labels ?? {}).map(([key, value]) => `${key}=${value}`).join(' '), shrinkTo: 8, drop: 1 }
]

/** What a table has no room for. */
const MACHINE_COLUMNS: ReadonlyArray<Column<NodeRow>> = [
  { heading: 'peer id', key: 'peer_id', value: row => row.peerId },
  { heading: 'detail', key: 'detail', value: row => row.detail ?? null },
  { heading: 'term', key: 'term', value: row => row.term ?? null },
  { heading: 'draining', key: 'draining', value: row => row.draining },
  { heading: 'last heard', key: 'last_heard_ms', value: row => row.lastHeardMs },
  { heading: 'platform', key: 'platform', value: row => row.info?.resources.platform ?? null },
  { heading: 'kernel', key: 'kernel', value: row => row.info?.resources.kernel ?? null },
  { heading: 'os', key: 'os', value: row => row.info?.resources.os ?? null },
  { heading: 'machine', key: 'machine_id', value: row => row.info?.resources.machineId ?? null },
  { heading: 'refusal', key: 'refusal', value: row => row.info?.refusal ?? null },
  { heading: 'caveats', key: 'caveats', value: row => row.info?.sandbox?.caveats.join('; ') ?? null },
  parts('sandbox_facts', row => row.info?.sandbox),
  { heading: 'floor_min_ns', key: 'floor_min_ns', value: row => row.info?.floor?.minNs ?? null },
  { heading: 'noise_reasons', key: 'noise_reasons', value: row => row.info?.noise?.reasons.join('; ') ?? null, json: row => row.info?.noise?.reasons ?? null },
  { heading: 'bound to', key: 'bound_to', value: row => row.info?.boundTo == null ? null : formatProcessorList(row.info.boundTo), json: row => row.info?.boundTo ?? null },
  { heading: 'grants', key: 'grants', value: row => row.info?.grants?.join(' ') ?? null, json: row => row.info?.grants ?? null },
  parts('ceilings', row => row.info?.ceilings),
  { heading: 'tools', key: 'tools', value: row => row.info?.tools == null ? null : toolWords(row.info.tools), json: row => row.info?.tools ?? null },
  { heading: 'version', key: 'version', value: row => row.version },
  { heading: 'addresses', key: 'addresses', value: row => row.addresses.join(' ') }
]

/** Something with parts, as one text where there can be only text. */
function parts (key: string, read: (row: NodeRow) => object | undefined): Column<NodeRow> {
  return {
    heading: key,
    key,
    value: row => {
      const value = read(row)

      return value == null ? null : JSON.stringify(value)
    },
    json: row => read(row) ?? null
  }
}

/** Of a master, how far it is: `coordinator (term 3)`, `standby (2 records behind)`. */
function stateWords ({ role, state, draining, term, detail }: NodeRow): string {
  if (role === 'master') {
    const more = state === 'coordinator' && term != null ? `term ${term}` : state === 'standby' ? detail : undefined

    return more == null ? state : `${state} (${more})`
  }

  return draining && state !== 'draining' ? `${state}, draining` : state
}

/** With those that its programs are bound to: `2 (4-5)`. */
function coresWords ({ info }: NodeRow): string {
  return info == null ? '' : info.boundTo == null ? `${info.resources.cores}` : `${info.resources.cores} (${formatProcessorList(info.boundTo)})`
}

/** What starting a program costs: `0.11 ms`. */
function floorWords ({ info }: NodeRow): string {
  return info?.floor == null ? '' : `${(info.floor.medianNs / 1e6).toFixed(2)} ms`
}

/** `python 3.11.2, node 20.20.2` */
function toolWords (tools: NonNullable<WorkerInfo['tools']>): string {
  return tools.map(({ name, version }) => `${name} ${version}`.trim()).join(', ')
}

interface NodesOptions extends ConnectionOptions, FormatOptions {
  verbose?: boolean
}

export function define (command: Command, context: Context): void {
  command.addOption(formatOption())
    .option('-v, --verbose', 'also which interpreters and compilers the programs of each worker find')
  addConnectionOptions(command)
  addExamples(command, [
    ['meshmark nodes', 'who is there, and what everyone does; floor = what starting a program costs there'],
    ['meshmark nodes -v', 'and what --where python=3.11.. would choose among'],
    ['meshmark nodes --format json', 'everything that is known of them']
  ])

  command.action(async (options: NodesOptions) => {
    await withClient(options, async client => {
      const rows = (await client.nodes()).sort((a, b) => a.role.localeCompare(b.role) || BY_NAME.compare(a.name, b.name))
      const { format } = options
      const table = format === 'table' || format === 'markdown'

      await writeAll(context.stdout, renderRows(rows, table ? COLUMNS : [...COLUMNS, ...MACHINE_COLUMNS], format, 'no nodes', context.stdout.columns || undefined))

      if (table) {
        for (const line of [...remarks(rows, options.verbose), ...counts(rows)]) {
          await writeAll(context.stdout, `${line}\n`)
        }
      }
    })
  })
}

/** Nobody counts the rows of a fleet: `1000 workers: 990 waiting, 8 running, 2 lost`. */
function counts (rows: readonly NodeRow[]): string[] {
  const workers = rows.filter(({ role }) => role === 'worker')
  const byState = new Map<string, number>()

  workers.forEach(row => { byState.set(stateWords(row), (byState.get(stateWords(row)) ?? 0) + 1) })

  return workers.length <= COUNTED_BY_EYE
    ? []
    : [`${workers.length} workers: ${[...byState].sort(([, a], [, b]) => b - a).map(([state, count]) => `${count} ${state}`).join(', ')}`]
}

/** What keeps nodes from their work, and what their boxes lack; what several have in common is said once. */
function remarks (rows: readonly NodeRow[], verbose = false): string[] {
  const names = new Map<string, string[]>()

  for (const { name, info, detail } of rows) {
    const texts = [
      ...(info?.refusal == null ? [] : [`takes no work: ${info.refusal}`]),
      ...(info?.sandbox?.caveats ?? []),
      ...(verbose && info?.tools != null ? [`has ${toolWords(info.tools)}`] : []),
      ...(info?.grants?.includes('cold-cache') === true ? ['lets jobs empty its file cache (--cold-cache)'] : []),
      ...(detail == null || detail === '' || detail === info?.refusal ? [] : [detail])
    ]

    for (const text of texts) {
      const sharers = names.get(text)

      if (sharers == null) {
        names.set(text, [name])
      } else {
        sharers.push(name)
      }
    }
  }

  return [...names].map(([text, names]) => `${printable(names.join(', '), 200)}: ${printable(text)}`)
}
