const DIGITS = 'ABCDEFGHJKLMNPQRSTUVWXYZ'

/** A peer id that is like a real one, and short where people read it. */
export function peerIdOf (kind: 'm' | 'w' | 'c', number: number): string {
  return `12D3KooW${kind}${DIGITS[Math.floor(number / DIGITS.length)]}${DIGITS[number % DIGITS.length]}`.padEnd(52, '1')
}

export function nameOf (peerId: string): string {
  return peerId.replace(/1+$/, '').slice('12D3KooW'.length)
}

/** An execution, as people read it. */
export function shortExecution (execution: string): string {
  const [job = '', task = '', worker = '', attempt = ''] = execution.split('/')

  return `${job.slice(-3)}/${task === worker ? '' : `${task}/`}${nameOf(worker)}/${attempt}`
}
