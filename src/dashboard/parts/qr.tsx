import { useMemo } from 'preact/hooks'
import { modulesPath } from '../text/qr-path.ts'
import { Later } from './later.tsx'
import type { encode as Encode } from 'uqr'

/** Modules around it without which cameras do not find it. */
const QUIET = 4

interface QrCodeProps { text: string, label: string }

/** A text to be read by a camera. `label` says what is in it. */
export function QrCode (props: QrCodeProps) {
  return <Later what='the QR code' load={async () => import('uqr')}>{({ encode }) => <Code encode={encode} {...props} />}</Later>
}

function Code ({ encode, text, label }: QrCodeProps & { encode: typeof Encode }) {
  const { data, size } = useMemo(() => encode(text, { ecc: 'L', border: QUIET }), [encode, text])

  // dark on light in every theme: many readers know nothing else
  return (
    <svg class='qr' role='img' aria-label={label} viewBox={`0 0 ${size} ${size}`} shape-rendering='crispEdges'>
      <rect class='qr-ground' width={size} height={size} />
      <path class='qr-modules' d={modulesPath(data)} />
    </svg>
  )
}
