import { DEFAULT_LIMITS, formatLimit, LIMIT_KEYS, LIMIT_RULES } from '../../model/limits.ts'
import { meaningOf, missingRequirements, REQUIREMENTS } from '../../model/requirements.ts'
import { formatBytes, formatDuration } from '../../model/units.ts'
import { distinctWorkers } from '../distinct-workers.ts'
import { plainTime } from '../quantities.ts'
import { sandboxWords } from '../sandbox-words.ts'
import { grade, MAX_ROWS, type NumberOf } from './results-table.ts'
import { html, type Html, type Value } from './markup.ts'
import { time } from './times.ts'
import { table } from './table.ts'
import type { FinishedJob, FinishedWorker } from '../../model/finished.ts'
import type { SandboxFacts } from '../../model/machine.ts'

/** Kinds of machines that are described; the data has the others. */
const MAX_KINDS = 24

/** Of more workers than these only the noisy ones are listed. */
const MAX_QUIET = 60

const MAX_NAMES = 30
const MAX_FACTS = 16

/** Where it ran: what each worker's machine was doing, then each kind of machine once, with all that is known of it. */
export function machinesSection (finished: FinishedJob, numberOf: NumberOf): Html {
  const workers = distinctWorkers(finished.workers).filter(({ info }) => info.resources.machineId !== '' || info.resources.cpuModel !== '')
  const kinds = kindsOf(workers)
  const measured = workers.filter(({ result }) => result?.noise != null)

  return html`<section id="machines"><h2>Machines</h2>
${measured.length === 0 ? '' : noiseTable(measured, finished, numberOf)}
<div class="cards">${kinds.slice(0, MAX_KINDS).map(card)}</div>
${kinds.length <= MAX_KINDS ? '' : html`<p class="dim">${kinds.length - MAX_KINDS} more kinds of machines are in the data.</p>`}</section>`
}

/** How quiet it was, before and while it was measured. */
function noiseTable (workers: readonly FinishedWorker[], { startSkewNs }: FinishedJob, numberOf: NumberOf): Html {
  const told = workers.length <= MAX_QUIET ? workers : workers.filter(({ result }) => 'CD'.includes(result?.noise?.grade ?? 'D'))
  const ordered = [...told].sort((a, b) => (b.result?.noise?.grade ?? '').localeCompare(a.result?.noise?.grade ?? '') || a.info.name.localeCompare(b.info.name, 'en', { numeric: true }))

  return html`<p>Every worker looks at its machine before it measures, waits for it to become quiet, and watches what else happens while it measures. The grade goes from A, quiet, to D, disturbed.${startSkewNs == null || workers.length < 2 ? '' : html` Those that started together did so within ${plainTime(startSkewNs)}.`}</p>
${table('How quiet the machines were', [{ title: 'Worker' }, { title: 'Noise' }, { title: 'While it measured' }, { title: 'Before' }, { title: 'Started' }, { title: 'Took', align: 'right' }], ordered.slice(0, MAX_ROWS).map(worker => {
    const { info, result, simultaneous } = worker
    const { noise, quietWaitMs = 0, waitedMs = 0, start, startedAt = 0, finishedAt = 0, environment = [] } = result ?? {}
    const before = [
      ...waitedMs > 0 ? [`waited ${formatDuration(waitedMs)} for another worker of the machine`] : [],
      ...quietWaitMs >= 250 ? [`waited ${formatDuration(quietWaitMs)} for a quiet machine`] : [],
      ...environment.slice(0, MAX_FACTS)
    ]
    const late = simultaneous === false || start?.simultaneous === false

    return {
      worker: numberOf(worker),
      cells: [
        info.name,
        noise == null ? '–' : { text: grade(noise.grade), value: 'ABCD'.indexOf(noise.grade) },
        noise == null || noise.reasons.length === 0 ? 'nothing disturbed it' : noise.reasons.slice(0, MAX_FACTS).join('; '),
        before.length === 0 ? 'quiet, nothing unusual' : before.join('; '),
        { text: startedAt < MIN_CLOCK ? '–' : html`${time(startedAt)}${late ? ' not with the others' : ''}`, value: startedAt },
        { text: finishedAt <= startedAt ? '–' : formatDuration(finishedAt - startedAt), value: finishedAt - startedAt }
      ]
    }
  }))}${told.length === workers.length ? '' : html`<p class="dim">${(workers.length - told.length).toLocaleString('en')} more were quiet, grade A or B.</p>`}`
}

/** A clock that was never set. */
const MIN_CLOCK = 1e9

interface Kind {
  workers: FinishedWorker[]
}

/** Machines that differ in nothing that is known of them stand together. */
function kindsOf (workers: readonly FinishedWorker[]): Kind[] {
  const kinds = new Map<string, Kind>()

  for (const worker of workers) {
    const { machineId, ...resources } = worker.info.resources
    const { filterHash, ...sandbox } = sandboxOf(worker) ?? {}
    const key = JSON.stringify([resources, sandbox, worker.result?.limits, worker.info.labels, worker.info.tools, worker.info.refusal])
    const kind = kinds.get(key) ?? { workers: [] }

    kind.workers.push(worker)
    kinds.set(key, kind)
  }

  return [...kinds.values()].sort((a, b) => b.workers.length - a.workers.length)
}

function sandboxOf ({ result, info }: FinishedWorker): SandboxFacts | undefined {
  return result?.sandbox ?? info.sandbox
}

function card ({ workers }: Kind): Html {
  const [first] = workers

  if (first == null) {
    return html``
  }

  const { resources, labels, tools = [], floor, refusal } = first.info
  const sandbox = sandboxOf(first)
  const names = workers.map(({ info }) => info.name).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  const machines = new Set(workers.map(({ info }) => info.resources.machineId)).size
  const facts: Array<[string, Value]> = [
    ['processor', resources.cpuModel],
    ['cores', `${resources.cores}, ${resources.arch}`],
    ['memory', resources.memoryBytes > 0 ? formatBytes(resources.memoryBytes) : ''],
    ['system', resources.os],
    ['kernel', resources.kernel],
    ['Node.js', resources.nodeVersion],
    ['labels', Object.entries(labels).slice(0, MAX_FACTS).map(([key, value]) => `${key}=${value}`).join(', ')],
    ['tools', tools.slice(0, MAX_FACTS).map(({ name, version }) => `${name} ${version}`.trim()).join(', ')],
    ['floor', floor == null ? '' : `${plainTime(floor.medianNs)} to start a program that does nothing`],
    ['limits', limitsText(first)],
    ['sandbox', sandbox == null ? refusal ?? '' : sandboxText(sandbox)],
    ['lacks', sandbox == null ? '' : lackingText(sandbox)],
    ['checked', sandbox == null ? '' : Object.entries(sandbox.canaries).slice(0, MAX_FACTS).map(([what, seen]) => `${what}: ${seen}`).join('; ')]
  ]

  return html`<article class="card"><h3>${names.slice(0, MAX_NAMES).join(', ')}${names.length > MAX_NAMES ? html` <span class="dim">and ${(names.length - MAX_NAMES).toLocaleString('en')} more</span>` : ''}</h3>
${workers.length === 1 ? '' : html`<p class="dim">${machines === 1 ? `${workers.length} workers of one machine` : `${machines.toLocaleString('en')} machines of one kind`}</p>`}
<dl>${facts.filter(([, text]) => text !== '').map(([name, text]) => html`<dt>${name}</dt><dd>${text}</dd>`)}</dl></article>`
}

function sandboxText (sandbox: SandboxFacts): string {
  const { builder, builderVersion, cgroup, methods, uidMode, namespaces, filterHash } = sandbox

  return [
    `${sandboxWords(sandbox)} (${builder} ${builderVersion})`,
    `own ${namespaces.join(', ')}`,
    uidMode === 'two-uids' ? 'the program has a user id of its own' : 'one user id',
    `cgroup ${cgroup}`,
    `CPU time by ${methods.cpu}, memory by ${methods.memory}`,
    `system-call filter ${filterHash.slice(0, 12)}`
  ].join('; ')
}

/** Protections that are missing, each with what it would have been. */
function lackingText (sandbox: SandboxFacts): string {
  const missing = missingRequirements(sandbox, REQUIREMENTS.filter(requirement => requirement !== 'no-caveats'))

  return [...sandbox.caveats.slice(0, MAX_FACTS), ...sandbox.caveats.length > 0 ? [] : missing.map(requirement => `not: ${meaningOf(requirement)}`)].join('; ')
}

function limitsText ({ result }: FinishedWorker): string {
  const limits = result?.limits ?? DEFAULT_LIMITS

  return LIMIT_KEYS.flatMap(key => limits[key] == null ? [] : [`${LIMIT_RULES[key].of} ${formatLimit(key, limits[key])}`]).join(', ')
}
