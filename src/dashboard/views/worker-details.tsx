import { useLayoutEffect, useRef } from 'preact/hooks'
import { formatBytes } from '../../model/units.ts'
import { sandboxWords } from '../../report/sandbox-words.ts'
import { Action } from '../parts/action.tsx'
import { Facts } from '../parts/facts.tsx'
import { useApp } from '../parts/hooks.ts'
import { Age, Instant } from '../parts/instant.tsx'
import { Mark } from '../parts/mark.tsx'
import { hrefOf } from '../state/route.ts'
import { stateOf } from '../state/workers.ts'
import { workerTone } from '../text/states.ts'
import type { NodeState } from '../../http/exchange/mesh-changes.ts'
import type { SandboxFacts } from '../../model/machine.ts'

interface WorkerDetailsProps {
  node: NodeState | undefined
  peerId: string
  /** Just now, by the reader: the keyboard comes along. */
  isOpened: boolean
  aheadMs: number
}

/** Everything that is known of one worker. */
export function WorkerDetails ({ node, peerId, isOpened, aheadMs }: WorkerDetailsProps) {
  const { link, isAdmin } = useApp()
  const title = useRef<HTMLHeadingElement>(null)

  useLayoutEffect(() => {
    if (isOpened) {
      title.current?.focus()
    }
  }, [peerId])

  if (node == null) {
    return (
      <aside class='details' aria-labelledby='details-title'>
        <DetailsHead refer={title} title='Not there' />
        <p>No worker with this id is in the mesh at the moment.</p>
      </aside>
    )
  }

  const { info } = node
  const isDraining = node.draining

  return (
    <aside class='details' aria-labelledby='details-title'>
      <DetailsHead refer={title} title={node.name} />
      <Facts
        facts={[
          ['State', <span key='state'><Mark tone={workerTone(node.state)}>{stateOf(node)}</Mark> since <Instant at={node.sinceAt} aheadMs={aheadMs} /></span>],
          ['Doing', node.detail],
          ['Takes no work', info?.refusal],
          ['Heard', <Age key='heard' at={node.heardAt} aheadMs={aheadMs} after=' ago' />]
        ]}
      />
      {isAdmin
        ? (
          <p>
            <Action
              key={peerId}
              label={isDraining ? 'Let it work again' : 'Drain'} busyLabel={isDraining ? 'Letting it work…' : 'Draining…'}
              question={isDraining ? undefined : { text: 'It ends what it runs, and is given nothing new.', yes: 'Drain it', no: 'Leave it' }}
              done={isDraining ? `${node.name} works again` : `${node.name} is given nothing new`}
              act={async () => { await link.send('POST', `/v1/nodes/${encodeURIComponent(peerId)}/drain`, { undo: isDraining }) }}
            />
          </p>
          )
        : null}
      {info == null
        ? null
        : (
          <>
            <h3>Machine</h3>
            <Facts
              facts={[
                ['Processor', info.resources.cpuModel],
                ['Cores', info.boundTo == null ? info.resources.cores : `${info.resources.cores}, bound to ${info.boundTo.join(', ')}`],
                ['Memory', formatBytes(info.resources.memoryBytes)],
                ['Platform', `${info.resources.platform} ${info.resources.arch}`],
                ['System', info.resources.os],
                ['Kernel', info.resources.kernel],
                ['Node.js', info.resources.nodeVersion],
                ['Programs at once', info.slots],
                ['Floor', info.floor == null ? undefined : `${(info.floor.medianNs / 1e6).toFixed(2)} ms to start a program`],
                ['Noise', info.noise == null ? undefined : <span key='noise'><span class='grade'>{info.noise.grade}</span> {info.noise.reasons.length === 0 ? 'quiet' : info.noise.reasons.join('; ')}, <Instant at={info.noise.at} /></span>],
                ['Labels', Object.entries(info.labels).map(([key, value]) => `${key}=${value}`).join(' ')],
                ['Tools', info.tools?.map(({ name, version }) => `${name} ${version}`.trim()).join(', ')],
                ['Grants', info.grants?.join(' ')],
                ['Meshmark', node.version],
                ['Peer id', <span key='peer' class='address'>{peerId}</span>]
              ]}
            />
            <h3>Sandbox</h3>
            {info.sandbox == null ? <p>None can be built, so it takes no work.</p> : <Sandbox facts={info.sandbox} />}
          </>
          )}
    </aside>
  )
}

function DetailsHead ({ refer, title }: { refer: { current: HTMLHeadingElement | null }, title: string }) {
  return (
    <div class='details-head'>
      <h2 id='details-title' tabIndex={-1} ref={refer}>{title}</h2>
      <a class='button quiet' href={hrefOf({ view: 'mesh' })}>Close</a>
    </div>
  )
}

function Sandbox ({ facts }: { facts: SandboxFacts }) {
  return (
    <>
      <Facts
        facts={[
          ['Protection', sandboxWords(facts)],
          ['Built by', `${facts.builder} ${facts.builderVersion}`],
          ['Apart from the host', facts.namespaces.join(', ')],
          ['Users', facts.uidMode === 'two-uids' ? 'the program has a uid of its own' : 'one uid for the program and what measures it'],
          ['Cgroup', facts.cgroup],
          ['CPU time by', facts.methods.cpu],
          ['Memory by', facts.methods.memory]
        ]}
      />
      {facts.caveats.length === 0 ? null : <ul class='caveats'>{facts.caveats.map(caveat => <li key={caveat}>{caveat}</li>)}</ul>}
    </>
  )
}
