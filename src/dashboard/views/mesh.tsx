import { useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import { counted } from '../../model/text.ts'
import { formatBytes } from '../../model/units.ts'
import { sandboxWords } from '../../report/sandbox-words.ts'
import { Count } from '../parts/announce.tsx'
import { useApp, useKept, useStore } from '../parts/hooks.ts'
import { AgeCell } from '../parts/instant.tsx'
import { Mark } from '../parts/mark.tsx'
import { CommandLine, Empty, Loading } from '../parts/notice.tsx'
import { Table, type Column, type TableHandle } from '../parts/table.tsx'
import { Title } from '../parts/title.tsx'
import { hrefOf } from '../state/route.ts'
import { ALL_WORKERS, GROUPINGS, stateCounts, stateOf, workerLines, type Grouping, type WorkerLine } from '../state/workers.ts'
import { workerTone } from '../text/states.ts'
import { exactInstant } from '../text/times.ts'
import { AddWorker } from './add-worker.tsx'
import { Masters } from './masters.tsx'
import { WorkerDetails } from './worker-details.tsx'
import type { ComponentChildren } from 'preact'
import type { NodeState } from '../../http/exchange/mesh-changes.ts'
import type { WorkerInfo } from '../../model/machine.ts'

const GROUPING_WORDS: Record<Grouping, string> = { none: 'nothing', state: 'state', cpu: 'processor', arch: 'architecture', machine: 'machine', sandbox: 'sandbox' }

export function Mesh ({ worker }: { worker?: string }) {
  const { mesh: store, isAdmin } = useApp()
  const mesh = useStore(store)
  const [choice, setChoice] = useKept('workers', ALL_WORKERS)
  const table = useRef<TableHandle>(null)
  const before = useRef(worker)
  const lines = useMemo(() => workerLines(mesh.nodes.values(), choice), [mesh.nodes, choice])
  const counts = useMemo(() => stateCounts(mesh.nodes.values()), [mesh.nodes])
  const total = counts.reduce((sum, { count }) => sum + count, 0)
  const shown = lines.filter(({ kind }) => kind === 'worker').length
  const chosen = worker == null ? undefined : mesh.nodes.get(worker)

  // what was closed had the keyboard: it goes back to where it was opened
  useLayoutEffect(() => {
    if (worker == null && before.current != null && document.activeElement === document.body) {
      table.current?.focusRow(before.current)
    }

    before.current = worker
  }, [worker])

  if (!mesh.hasNodes) {
    return <><Title>Mesh</Title><Loading what='the nodes' /></>
  }

  return (
    <>
      <Title>Mesh</Title>
      <Masters />
      <section aria-labelledby='workers-title'>
        <div class='section-head'>
          <h2 id='workers-title'>Workers</h2>
          <p class='counts'>{counts.map(({ state, count }) => <span key={state}><Mark tone={workerTone(state.replace(', draining', ''))}>{`${count} ${state}`}</Mark></span>)}</p>
          {isAdmin ? <AddWorker /> : null}
        </div>
        {total === 0
          ? <Empty title='No workers yet'><p>A worker joins with a token, and appears here as soon as it is there.</p><CommandLine>meshmark token create worker</CommandLine></Empty>
          : (
            <>
              <div class='tools' role='search' aria-label='Workers'>
                <label>Find <input type='search' value={choice.words} placeholder='name, label, processor' onInput={event => { setChoice({ ...choice, words: event.currentTarget.value }) }} /></label>
                <label>
                  State{' '}
                  <select value={choice.state} onChange={event => { setChoice({ ...choice, state: event.currentTarget.value }) }}>
                    <option value=''>any</option>
                    {[...new Set([...counts.map(({ state }) => state), ...(choice.state === '' ? [] : [choice.state])])].map(state => <option key={state} value={state}>{state}</option>)}
                  </select>
                </label>
                <label>
                  Group by{' '}
                  <select value={choice.by} onChange={event => { setChoice({ ...choice, by: event.currentTarget.value as Grouping }) }}>
                    {GROUPINGS.map(by => <option key={by} value={by}>{GROUPING_WORDS[by]}</option>)}
                  </select>
                </label>
                <Count words={shown === total ? counted(total, 'worker') : `${shown} of ${counted(total, 'worker')}`} choice={choice} />
              </div>
              <div class={worker == null ? '' : 'beside'} onKeyDown={({ key }) => { if (key === 'Escape' && worker != null) { location.hash = hrefOf({ view: 'mesh' }) } }}>
                {lines.length === 0
                  ? <Empty title='No worker fits'><button type='button' onClick={() => { setChoice({ ...ALL_WORKERS, by: choice.by }) }}>Show all {total}</button></Empty>
                  : (
                    <Table
                      label='Workers' name='workers' columns={columnsOf(mesh.aheadMs)} rows={lines} keyOf={line => line.key} refer={table}
                      lineOf={line => line.kind === 'group' ? <>{line.title} <span class='dim'>{line.count}</span></> : undefined}
                      isChosen={line => line.key === worker}
                    />
                    )}
                {worker == null ? null : <WorkerDetails node={chosen} peerId={worker} isOpened={before.current !== worker} aheadMs={mesh.aheadMs} />}
              </div>
            </>
            )}
      </section>
    </>
  )
}

function columnsOf (aheadMs: number): ReadonlyArray<Column<WorkerLine>> {
  return COLUMNS.map(({ cell, ...column }) => ({ ...column, cell: line => line.kind === 'worker' ? cell(line.node, aheadMs) : null }))
}

const COLUMNS: ReadonlyArray<Omit<Column<never>, 'cell'> & { cell: (node: NodeState, aheadMs: number) => ComponentChildren }> = [
  { title: 'Worker', cell: node => <a href={hrefOf({ view: 'mesh', worker: node.peerId })} tabIndex={-1}>{node.name}</a> },
  { title: 'State', cell: node => <Mark tone={workerTone(node.state)}>{stateOf(node)}</Mark> },
  { title: 'For', align: 'right', cell: (node, aheadMs) => <AgeCell at={node.sinceAt} aheadMs={aheadMs} /> },
  { title: 'Doing', drop: 2, cell: node => <span title={node.detail}>{node.info?.refusal == null ? node.detail : `takes no work: ${node.info.refusal}`}</span> },
  { title: 'Processor', drop: 2, cell: ({ info }) => <span title={info?.resources.cpuModel}>{info?.resources.cpuModel}</span> },
  { title: 'Cores', align: 'right', drop: 2, cell: ({ info }) => info?.resources.cores },
  { title: 'Memory', align: 'right', drop: 2, cell: ({ info }) => info == null ? null : formatBytes(info.resources.memoryBytes) },
  { title: 'Floor', align: 'right', drop: 1, cell: ({ info }) => info?.floor == null ? null : <span title='What starting a program costs there'>{(info.floor.medianNs / 1e6).toFixed(2)} ms</span> },
  { title: 'Noise', drop: 1, cell: ({ info }) => info?.noise == null ? null : <span class='grade' title={noiseTitle(info.noise)}>{info.noise.grade}</span> },
  { title: 'Sandbox', drop: 1, cell: ({ info }) => info == null ? null : sandboxWords(info.sandbox) },
  { title: 'Labels', drop: 1, cell: ({ info }) => Object.entries(info?.labels ?? {}).map(([key, value]) => `${key}=${value}`).join(' ') },
  { title: 'Heard', align: 'right', drop: 2, cell: (node, aheadMs) => <AgeCell at={node.heardAt} aheadMs={aheadMs} /> }
]

function noiseTitle ({ reasons, at }: NonNullable<WorkerInfo['noise']>): string {
  return `When it measured last, ${exactInstant(at)}: ${reasons.length === 0 ? 'quiet' : reasons.join('; ')}`
}
