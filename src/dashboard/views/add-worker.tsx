import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Action } from '../parts/action.tsx'
import { announce } from '../parts/announce.tsx'
import { useApp, useNow, useStore } from '../parts/hooks.ts'
import { Mark } from '../parts/mark.tsx'
import { CommandLine } from '../parts/notice.tsx'
import { QrCode } from '../parts/qr.tsx'
import { hrefOf } from '../state/route.ts'
import { stateOf } from '../state/workers.ts'
import { joinLine } from '../text/join-line.ts'
import { workerTone } from '../text/states.ts'
import { age } from '../text/times.ts'

interface Invitation { line: string, expiresAt: number }

/** Of those that have joined, the latest are named. */
const SHOWN = 8

/** A token for a worker, as the line to paste on its machine, and who came with it. */
export function AddWorker () {
  const { link } = useApp()
  const [invitation, setInvitation] = useState<Invitation>()
  const place = useRef<HTMLDivElement>(null)
  const wasOpen = useRef(false)

  // what was closed had the keyboard: it goes back to what opened it
  useLayoutEffect(() => {
    if (invitation == null && wasOpen.current) {
      place.current?.querySelector('button')?.focus()
    }

    wasOpen.current = invitation != null
  }, [invitation])

  return (
    <div class='add-worker' ref={place}>
      {invitation == null
        ? (
          <Action
            label='Add a worker' busyLabel='Making a token…' act={async () => {
              const { text, addresses, token } = await link.send<{ text: string, addresses: string[], token: { expiresAt: number } }>('POST', '/v1/tokens', { role: 'worker' })

              setInvitation({ line: joinLine(text, addresses), expiresAt: token.expiresAt })
            }}
          />
          )
        : <Inviting {...invitation} onDone={() => { setInvitation(undefined) }} />}
    </div>
  )
}

function Inviting ({ line, expiresAt, onDone }: Invitation & { onDone: () => void }) {
  const title = useRef<HTMLHeadingElement>(null)

  useLayoutEffect(() => { title.current?.focus() }, [])

  return (
    <div class='notice inviting' role='group' aria-labelledby='inviting-title' onKeyDown={({ key }) => { if (key === 'Escape') { onDone() } }}>
      <div>
        <h3 id='inviting-title' tabIndex={-1} ref={title}>One more worker</h3>
        <p>Paste this on the new machine, or read it there with a camera. For any number of workers; it is shown this once.</p>
        <CommandLine>{line}</CommandLine>
        <p class='dim'><Left expiresAt={expiresAt} /></p>
        <Newcomers />
        <button type='button' onClick={onDone}>Done</button>
      </div>
      <QrCode text={line} label='The same line as a QR code' />
    </div>
  )
}

/** Not read aloud: it changes all the time and says little. */
function Left ({ expiresAt }: { expiresAt: number }) {
  const { mesh } = useApp()
  const leftMs = expiresAt - (useNow() + useStore(mesh).aheadMs)

  return <>{leftMs > 0 ? `Good for ${age(leftMs)} more.` : 'It has expired: make another one.'}</>
}

/** Workers that were not there when the line was made. */
function Newcomers () {
  const { nodes } = useStore(useApp().mesh)
  const known = useRef<ReadonlySet<string>>(undefined)
  const said = useRef(0)

  known.current ??= new Set(nodes.keys())

  const fresh = [...nodes.values()].filter(({ role, peerId }) => role === 'worker' && known.current?.has(peerId) === false)

  // who has come is said, and not what becomes of it
  useEffect(() => {
    const latest = fresh.at(-1)

    // one that has gone again is no news of another
    if (latest != null && fresh.length > said.current) {
      announce(fresh.length === 1 ? `${latest.name} has joined` : `${latest.name} has joined, ${fresh.length} in all`)
    }

    said.current = fresh.length
  }, [fresh.length])

  return (
    <div>
      {fresh.length === 0
        ? <p class='dim'>Nobody has joined yet.</p>
        : (
          <ul class='newcomers'>
            {fresh.slice(-SHOWN).map(node => <li key={node.peerId}><a href={hrefOf({ view: 'mesh', worker: node.peerId })}>{node.name}</a> has joined: <Mark tone={workerTone(node.state)}>{stateOf(node)}</Mark></li>)}
          </ul>
          )}
    </div>
  )
}
