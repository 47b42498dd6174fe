#!/usr/bin/env node
/**
 * The order of the house, and the check that every import keeps it.
 *
 *   node scripts/imports.js
 */
import { readFileSync } from 'node:fs'
import { join, posix, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import ts from 'typescript'
import { fail, ROOT } from './lib/process.js'
import { walk } from './lib/stale.js'

/** Lowest first: a room imports only from those before it, and from itself. */
export const ROOMS = ['model', 'stats', 'measure', 'machine', 'sandbox', 'store', 'node', 'roles', 'functions', 'report', 'library', 'http', 'dashboard', 'cli']

/** The runner is alone in the box: nothing else of ours or anybody's is there. */
const RUNNER = 'sandbox/runner'
const RUNNER_MAY = ['model', 'stats', 'measure', 'sandbox']

/** Numbers and boxes have no business on a network. */
const OFFLINE = ['model', 'stats', 'measure', 'sandbox']
const NETWORK = /^(node:)?(net|tls|http|https|http2|dgram|dns|dns\/promises)$|^@?libp2p(\/|$)|^@chainsafe\/libp2p|^@multiformats\/|^protons-runtime$|^undici$|^ws$/

/** Pure rooms: no machine, no clock, no package. */
const PURE = ['model', 'stats', 'measure']

/** The only place that knows how messages are written on the wire. */
const WIRE = 'node/protocol/'

/**
 * @param {Map<string, string>} sources path below src/ -> text
 * @returns {string[]} one line for each import that breaks a rule
 */
export function checkImports (sources) {
  const edges = [...sources].flatMap(([from, text]) => importsOf(text).map(name => ({ from, name, to: target(from, name) })))
  const lines = edges.flatMap(edge => rulesBroken(edge, sources).map(why => `src/${edge.from} imports ${edge.name}: ${why}`))

  return [...lines, ...circles(edges)]
}

function importsOf (text) {
  return [...new Set(ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName))]
}

/** Path below src/ of one of our own files; undefined for a package or a part of Node. */
function target (from, name) {
  return name.startsWith('.') ? posix.join(posix.dirname(from), name) : undefined
}

function roomOf (path) {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : undefined
}

function rulesBroken ({ from, name, to }, sources) {
  return to == null ? packageRules(from, name) : ownRules(from, to, sources)
}

function packageRules (from, name) {
  const room = roomOf(from)
  const broken = []

  if (PURE.includes(room)) {
    broken.push(`${room} is pure and imports nothing from outside`)
  } else if (OFFLINE.includes(room) && NETWORK.test(name)) {
    broken.push(`${room} is free of network code`)
  }

  if (from.startsWith(`${RUNNER}/`) && !name.startsWith('node:') && name !== 'koffi') {
    broken.push('the runner has only node: and koffi in its box')
  }

  if (name === 'protons-runtime' && !from.startsWith(WIRE)) {
    broken.push('only node/protocol speaks to protons')
  }

  return broken
}

function ownRules (from, to, sources) {
  const [here, there] = [roomOf(from), roomOf(to)]
  const broken = []

  if (!sources.has(to)) {
    broken.push('there is no such file')
  }

  if (there == null) {
    broken.push(`${to} is an entry; nothing imports it`)
  } else if (!ROOMS.includes(there)) {
    broken.push(`${there} is not in the table of rooms`)
  } else if (here != null && ROOMS.indexOf(there) > ROOMS.indexOf(here)) {
    broken.push(`${there} is above ${here}`)
  } else if (from === 'index.ts' && ROOMS.indexOf(there) > ROOMS.indexOf('library')) {
    broken.push(`the library needs nothing of ${there}`)
  }

  if (from.startsWith(`${RUNNER}/`) && !RUNNER_MAY.includes(there)) {
    broken.push(`the runner imports only ${RUNNER_MAY.join(', ')}`)
  }

  return broken
}

/** Folders that import each other, however long the way round. */
function circles (edges) {
  const graph = new Map()

  for (const { from, to } of edges) {
    const [here, there] = [posix.dirname(from), to == null ? undefined : posix.dirname(to)]

    if (there != null && here !== there && here !== '.') {
      graph.set(here, graph.get(here) ?? new Map())
      graph.get(here).set(there, graph.get(here).get(there) ?? `${from} -> ${to}`)
    }
  }

  return stronglyConnected(graph).map(folders => {
    const examples = folders.flatMap(folder => [...graph.get(folder) ?? []].filter(([to]) => folders.includes(to)).map(([, example]) => example))

    return `the folders ${folders.map(folder => `src/${folder}`).join(', ')} import each other: ${examples.join('; ')}`
  })
}

/** Tarjan's algorithm; only components of more than one folder. */
function stronglyConnected (graph) {
  const index = new Map()
  const low = new Map()
  const stack = []
  const components = []

  const visit = node => {
    index.set(node, index.size)
    low.set(node, index.get(node))
    stack.push(node)

    for (const next of graph.get(node)?.keys() ?? []) {
      if (!index.has(next)) {
        visit(next)
        low.set(node, Math.min(low.get(node), low.get(next)))
      } else if (stack.includes(next)) {
        low.set(node, Math.min(low.get(node), index.get(next)))
      }
    }

    if (low.get(node) === index.get(node)) {
      const component = stack.splice(stack.indexOf(node))

      if (component.length > 1) {
        components.push(component.sort())
      }
    }
  }

  for (const node of graph.keys()) {
    if (!index.has(node)) {
      visit(node)
    }
  }

  return components
}

/** Every source file below a folder, by its path in it. */
export function readSources (folder) {
  return new Map(walk(folder)
    .filter(file => /\.tsx?$/.test(file))
    .map(file => [relative(folder, file).replaceAll('\\', '/'), readFileSync(file, 'utf8')]))
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const lines = checkImports(readSources(join(ROOT, 'src')))

  if (lines.length > 0) {
    fail(lines.join('\n'))
  }
}
