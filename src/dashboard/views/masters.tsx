import { useApp, useStore } from '../parts/hooks.ts'
import { Age } from '../parts/instant.tsx'
import { Mark } from '../parts/mark.tsx'
import { Scroll } from '../parts/scroll.tsx'
import { workerTone } from '../text/states.ts'
import type { NodeState } from '../../http/exchange/mesh-changes.ts'

/** The masters: who coordinates, and how far behind the others are. Few, so all are shown. */
export function Masters () {
  const mesh = useStore(useApp().mesh)
  const masters = [...mesh.nodes.values()].filter(({ role }) => role === 'master').sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name))
  const urls = new Map(mesh.masters.map(master => [master.peerId, master.urls]))

  return (
    <section aria-labelledby='masters-title'>
      <div class='section-head'><h2 id='masters-title'>Masters</h2></div>
      <Scroll label='Masters'>
        <table class='plain'>
          <thead><tr><th scope='col'>Master</th><th scope='col'>State</th><th scope='col' class='right'>Term</th><th scope='col'>Copy of the journal</th><th scope='col' class='right'>For</th><th scope='col' class='right'>Heard</th><th scope='col'>Version</th><th scope='col'>Dashboard</th></tr></thead>
          <tbody>
            {masters.map(node => (
              <tr key={node.peerId}>
                <th scope='row'>{node.name}</th>
                <td><Mark tone={workerTone(node.state)}>{node.state}</Mark></td>
                <td class='right'>{node.state === 'coordinator' ? node.term : null}</td>
                <td>{node.state === 'standby' ? node.detail ?? 'up to date' : null}</td>
                <td class='right'><Age at={node.sinceAt} aheadMs={mesh.aheadMs} /></td>
                <td class='right'><Age at={node.heardAt} aheadMs={mesh.aheadMs} /></td>
                <td>{node.version}</td>
                <td class='address'>{urls.get(node.peerId)?.join(' ') || <span class='dim'>none: started without --http</span>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  )
}

function rank ({ state }: NodeState): number {
  return state === 'coordinator' ? 0 : state === 'standby' ? 1 : 2
}
