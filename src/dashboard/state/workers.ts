import { sandboxWords } from '../../report/sandbox-words.ts'
import { BY_NAME, withWords } from './words.ts'
import type { NodeState } from '../../http/exchange/mesh-changes.ts'

export const GROUPINGS = ['none', 'state', 'cpu', 'arch', 'machine', 'sandbox'] as const

export type Grouping = typeof GROUPINGS[number]

export interface WorkerChoice {
  /** Words that must all be found in its name, machine, labels, tools or state. */
  words: string
  /** Empty = any. */
  state: string
  by: Grouping
}

export const ALL_WORKERS: WorkerChoice = { words: '', state: '', by: 'none' }

export type WorkerLine =
  | { kind: 'group', key: string, title: string, count: number }
  | { kind: 'worker', key: string, node: NodeState }

/** The lines of the table: workers that are chosen, by name, below a line for each group. Pure. */
export function workerLines (nodes: Iterable<NodeState>, { words, state, by }: WorkerChoice): WorkerLine[] {
  const fits = withWords(words)
  const chosen = [...nodes]
    .filter(node => node.role === 'worker' && (state === '' || stateOf(node) === state) && (words === '' || fits(textOf(node))))
    .sort((a, b) => BY_NAME.compare(a.name, b.name))

  if (by === 'none') {
    return chosen.map(workerLine)
  }

  const groups = new Map<string, NodeState[]>()

  for (const node of chosen) {
    const title = groupOf(node, by)
    const members = groups.get(title)

    if (members == null) {
      groups.set(title, [node])
    } else {
      members.push(node)
    }
  }

  return [...groups]
    .sort(([a], [b]) => BY_NAME.compare(a, b))
    .flatMap(([title, members]) => [{ kind: 'group' as const, key: `group ${title}`, title, count: members.length }, ...members.map(workerLine)])
}

/** How many workers are in which state, the most frequent first. */
export function stateCounts (nodes: Iterable<NodeState>): Array<{ state: string, count: number }> {
  const counts = new Map<string, number>()

  for (const node of nodes) {
    if (node.role === 'worker') {
      counts.set(stateOf(node), (counts.get(stateOf(node)) ?? 0) + 1)
    }
  }

  return [...counts].map(([state, count]) => ({ state, count })).sort((a, b) => b.count - a.count || a.state.localeCompare(b.state))
}

/** One that still runs while it drains is both. */
export function stateOf ({ state, draining }: NodeState): string {
  return draining && state !== 'draining' ? `${state}, draining` : state
}

function workerLine (node: NodeState): WorkerLine {
  return { kind: 'worker', key: node.peerId, node }
}

function groupOf (node: NodeState, by: Grouping): string {
  const { info } = node

  switch (by) {
    case 'state': return stateOf(node)
    case 'cpu': return info?.resources.cpuModel ?? 'not known'
    case 'arch': return info?.resources.arch ?? 'not known'
    case 'machine': return info?.resources.machineId.slice(0, 12) ?? 'not known'
    case 'sandbox': return info == null ? 'not known' : sandboxWords(info.sandbox)
    case 'none': return ''
  }
}

function textOf (node: NodeState): string {
  const { info } = node

  return [
    node.name,
    stateOf(node),
    ...(info == null
      ? []
      : [info.resources.cpuModel, info.resources.arch, info.resources.os, ...Object.entries(info.labels).map(([key, value]) => `${key}=${value}`), ...(info.tools ?? []).map(({ name, version }) => `${name} ${version}`)])
  ].join('\n')
}
