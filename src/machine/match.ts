import { MeshmarkError, isMeshmarkError } from '../model/errors.ts'
import { formatBytes, parseCount, parseSize } from '../model/units.ts'
import { TOOL_NAMES, toolNamed } from './tools.ts'
import { parseVersionRange, versionInRange } from './versions.ts'
import type { WorkerInfo } from '../model/machine.ts'
import type { Selector } from '../model/placement.ts'

export const WHERE_KEYS = ['name', 'arch', 'platform', 'cores', 'memory', 'label.KEY'] as const

/** Of a tool: that a worker has it at all. */
const ANY_VERSION = '..'

/** What people call architectures -> what node calls them. */
const ARCH_ALIASES: Record<string, string> = {
  x86_64: 'x64', 'x86-64': 'x64', amd64: 'x64', aarch64: 'arm64', armv7l: 'arm', armhf: 'arm', i386: 'ia32', i686: 'ia32', ppc64le: 'ppc64'
}

/** True for a worker that it fits; otherwise why not, as a clause: `arch is x64, not arm64`. */
type Test = (worker: WorkerInfo) => true | string

/** Reads `arch=arm64,cores=8..,label.zone=lab,python=3.11..`; a tool without a version is one of any version. Throws a usage error. */
export function parseWhere (text: string): Selector[] {
  return text.split(',').map(part => {
    const at = part.indexOf('=')
    const tool = at === -1 ? toolNamed(part.trim()) : undefined
    const selector = tool == null ? { key: part.slice(0, at).trim(), value: part.slice(at + 1).trim() } : { key: tool, value: ANY_VERSION }

    if ((at === -1 && tool == null) || selector.value === '') {
      throw new MeshmarkError('usage', `--where '${part.trim()}' is not KEY=VALUE: write e.g. arch=arm64 or cores=8..`)
    }

    // Refused here rather than by every worker.
    compile(selector)

    return selector
  })
}

/** Does the worker fit every selector? If not, why not, in words. */
export function matches (worker: WorkerInfo, where: readonly Selector[]): true | string {
  for (const selector of where) {
    const answer = testOf(selector)(worker)

    if (answer !== true) {
      return answer
    }
  }

  return true
}

/** Selectors also come over the network; one that is not understood fits nobody. */
function testOf (selector: Selector): Test {
  try {
    return compile(selector)
  } catch (err) {
    if (isMeshmarkError(err)) {
      return () => err.message
    }

    throw err
  }
}

function compile ({ key, value }: Selector): Test {
  switch (key) {
    case 'name':
      return oneOf(value.split('|'), value)
    case 'arch':
      return equal(key, ARCH_ALIASES[value.toLowerCase()] ?? value.toLowerCase(), worker => worker.resources.arch)
    case 'platform':
      return equal(key, value.toLowerCase(), worker => worker.resources.platform)
    case 'cores':
      return within(key, parseRange(value, end => parseCount(end, `--where cores=${value}:`, 0)), value, worker => worker.resources.cores, String)
    case 'memory':
      return within(key, parseRange(value, end => parseSize(end, `--where memory=${value}:`)), value, worker => worker.resources.memoryBytes, formatBytes)
  }

  if (/^label\.[^.=\s][^=\s]*$/.test(key)) {
    return label(key.slice('label.'.length), value)
  }

  const tool = toolNamed(key)

  if (tool != null) {
    return hasTool(tool, key, value)
  }

  throw new MeshmarkError('usage', `--where does not know '${key}': use one of ${WHERE_KEYS.join(', ')}, or a tool with its version: ${TOOL_NAMES.join(', ')}`)
}

function equal (key: string, wanted: string, read: (worker: WorkerInfo) => string): Test {
  return worker => read(worker) === wanted || `${key} is ${read(worker)}, not ${wanted}`
}

/** `lab-1|lab-2`: any of these; a name may hold the bar itself. */
function oneOf (names: readonly string[], whole: string): Test {
  const wanted = new Set([whole, ...names])

  return worker => wanted.has(worker.name) || `name is ${worker.name}, not ${names.length === 1 ? whole : `one of ${names.length} others`}`
}

function within (key: string, range: Range, wanted: string, read: (worker: WorkerInfo) => number, show: (value: number) => string): Test {
  return worker => inRange(read(worker), range) || `${key} is ${show(read(worker))}, not ${wanted}`
}

/** What a worker's programs find, by the version that it calls itself. */
function hasTool (name: string, key: string, wanted: string): Test {
  const range = parseVersionRange(wanted, `--where ${key}:`)

  return ({ tools }) => {
    if (tools == null) {
      return 'it has not told yet which interpreters and compilers it has'
    }

    const tool = tools.find(tool => tool.name === name)

    if (tool == null) {
      return `it has no ${name}`
    }

    return versionInRange(tool.version, range) || `${name} is ${tool.version === '' ? 'of an unknown version' : tool.version}, not ${wanted}`
  }
}

/** Labels are text; with a range they are compared as numbers. */
function label (name: string, wanted: string): Test {
  const range = wanted.includes('..') ? parseRange(wanted, end => parseNumber(end, name, wanted)) : undefined

  return worker => {
    const value = Object.hasOwn(worker.labels, name) ? worker.labels[name] : undefined

    if (value == null) {
      return `it has no label ${name}`
    }

    const fits = range == null ? value === wanted : value.trim() !== '' && inRange(Number(value), range)

    return fits || `label.${name} is ${value}, not ${wanted}`
  }
}

function parseNumber (text: string, name: string, wanted: string): number {
  if (!/^-?\d+(\.\d+)?$/.test(text)) {
    throw new MeshmarkError('usage', `--where label.${name}=${wanted}: '${text}' is not a number: ranges of labels are numbers, e.g. 2..4`)
  }

  return Number(text)
}

/** Both ends included. */
interface Range { low: number, high: number }

/** `8..`, `..16`, `2..4`, or one value. */
function parseRange (text: string, parse: (end: string) => number): Range {
  const at = text.indexOf('..')

  if (at === -1) {
    return { low: parse(text), high: parse(text) }
  }

  const [low, high] = [text.slice(0, at), text.slice(at + 2)]
  const range = { low: low === '' ? -Infinity : parse(low), high: high === '' ? Infinity : parse(high) }

  if ((low === '' && high === '') || range.low > range.high) {
    throw new MeshmarkError('usage', `--where '${text}' is not a range: write e.g. 8.., ..16 or 2..4, the smaller end first`)
  }

  return range
}

function inRange (value: number, { low, high }: Range): boolean {
  return value >= low && value <= high
}
