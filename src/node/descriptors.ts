import { readFileSync } from 'node:fs'
import { MAX_CONNECTIONS } from './libp2p.ts'

/** For journals, payloads, outputs and whatever else a node has open beside its connections. */
export const OTHER_DESCRIPTORS = 512

/** Open files that this process may have; undefined where the system does not say. Node.js has raised the soft limit to the hard one at its start. */
export function descriptorLimit (limits: string = readLimits()): number | undefined {
  const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(limits) ?? []

  return soft == null || soft === 'unlimited' ? undefined : Number(soft)
}

/** What to do where a master could not have all the connections that it would take; undefined where it can. */
export function explainDescriptors (limit: number | undefined): string | undefined {
  return limit == null || limit >= MAX_CONNECTIONS + OTHER_DESCRIPTORS
    ? undefined
    : `this process may have ${limit} files open, enough for about ${Math.max(1, limit - OTHER_DESCRIPTORS)} workers and clients: for more, raise the hard limit where it is started (ulimit -Hn ${MAX_CONNECTIONS + OTHER_DESCRIPTORS}, or LimitNOFILE=${MAX_CONNECTIONS + OTHER_DESCRIPTORS} of a systemd unit)`
}

function readLimits (): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8')
  } catch {
    return ''
  }
}
