import { useEffect, useState } from 'preact/hooks'
import { modulesPath } from '../text/qr-path.ts'

/** Modules around it without which cameras do not find it. */
const QUIET = 4

/** A text to be read by a camera. `label` says what is in it. */
export function QrCode ({ text, label }: { text: string, label: string }) {
  const [code, setCode] = useState<{ path: string, size: number }>()

  useEffect(() => {
    let isWanted = true

    void import('uqr').then(({ encode }) => {
      const { data, size } = encode(text, { ecc: 'L', border: QUIET })

      if (isWanted) {
        setCode({ path: modulesPath(data), size })
      }
    })

    return () => { isWanted = false }
  }, [text])

  // dark on light in every theme: many readers know nothing else
  return code == null
    ? <div class='qr' />
    : (
      <svg class='qr' role='img' aria-label={label} viewBox={`0 0 ${code.size} ${code.size}`} shape-rendering='crispEdges'>
        <rect class='qr-ground' width={code.size} height={code.size} />
        <path class='qr-modules' d={code.path} />
      </svg>
      )
}
