import type { Command } from 'commander'
import { MeshmarkError } from '../model/errors.ts'
import { formatDuration, parseDuration } from '../model/units.ts'
import { note, type Context } from './common/context.ts'
import { useDataDirectory } from './common/data-directory.ts'
import { findPage, readUrl, signInLink, type PageAddress } from './dashboard-link.ts'
import { withClient } from './common/connect.ts'
import { addConnectionOptions, addExamples, type ConnectionOptions, dataFolder } from './common/options.ts'
import { typed } from './common/program-name.ts'
import { writeAll } from './common/write.ts'
import type { PageToken } from '../node/protocol/submit/messages.ts'

const HOUR_MS = 3_600_000

/** As the masters have it; longer is what token create is for. */
export const MAX_TTL_MS = 24 * HOUR_MS

interface DashboardOptions extends ConnectionOptions {
  open?: boolean
  readOnly?: boolean
  ttl?: number
  url?: string
  json?: boolean
}

export interface DashboardLink extends PageAddress {
  /** With the token behind `#`. */
  link: string
  token: PageToken
}

export function define (command: Command, context: Context): void {
  command.description('Print a link that signs in to the page of a master.')
    .option('--open', 'open it in the browser, too')
    .option('--read-only', 'for looking: the page changes nothing')
    .option('--ttl <duration>', 'how long the link and its page are good for, 24h at most (default: 1h)', parseTtl)
    .option('--url <url>', 'where the browser reaches the master, through a tunnel or a proxy: http://127.0.0.1:4748', readUrl)
    .option('--json', 'link, role, expiry and token id as JSON')
  addConnectionOptions(command)
  addExamples(command, [
    ['meshmark dashboard --open', 'sign in, in the browser of this desktop'],
    ['meshmark dashboard --read-only --ttl 8h', 'a link for a screen on the wall'],
    ['ssh -N -L 4748:127.0.0.1:4748 lab', 'where the master is another machine, in one terminal;'],
    ['meshmark dashboard --url http://127.0.0.1:4748', 'in the other one']
  ], `The link lets whoever has it do what you may: everything where a master of yours runs or this machine is an
administrator, else submit jobs and see your own. meshmark token ls and revoke show and end it.`)

  command.action(async ({ ttl = HOUR_MS, ...options }: DashboardOptions) => {
    const { url, link, master, token } = await makeLink({ ...options, ttl })

    await writeAll(context.stdout, options.json === true
      ? `${JSON.stringify({ link, url, ...(master == null ? {} : { master }), role: token.role, access: token.access, token: token.id, expires_at: new Date(token.expiresAt).toISOString() })}\n`
      : `${link}\n`)
    note(context, `good for ${formatDuration(ttl)}, ${rights(token)}; ends with ${typed(`meshmark token revoke ${token.id}`)}`)

    if (options.open === true) {
      const { openersFor, openSecretly } = await import('./open-link.ts')

      await openSecretly(link, openersFor(process.platform, context.env), interrupted(context))
    }
  })
}

/** Asks as an administrator where this machine may, else as a client. */
export async function makeLink (options: ConnectionOptions & { ttl: number, readOnly?: boolean, url?: string }): Promise<DashboardLink> {
  const data = dataFolder(options.data)

  useDataDirectory(data)

  const { ownClientId } = await import('../roles/client/connect.ts')
  const role = await roleHere(options)

  return withClient(options, async client => {
    const { masters } = await client.page({})
    const address = options.url == null ? await findPage(masters, client.master.peerId) : { url: options.url }
    // jobs from the page are those of this user's terminal, whatever the page may besides
    const owner = role === 'admin' ? await ownClientId(client.meshId) : undefined
    const { token } = await client.page({ ttlMs: options.ttl, access: options.readOnly === true ? 'read' : 'full', owner })

    if (token == null) {
      throw new MeshmarkError('failed', 'the master answered without a token')
    }

    return { ...address, link: signInLink(address.url, token.text), token }
  }, role)
}

async function roleHere ({ token, mesh, master = [] }: ConnectionOptions): Promise<'admin' | 'client'> {
  const { findMesh } = await import('../roles/find-mesh.ts')
  const { dataRoot } = await import('../store/folders.ts')

  return findMesh({ role: 'admin', dataRoot: dataRoot(), masters: master, token, mesh }).then(() => 'admin' as const, () => 'client' as const)
}

function rights ({ role, access }: PageToken): string {
  return access === 'read'
    ? role === 'admin' ? 'to look at everything' : 'to look at your jobs'
    : role === 'admin' ? 'as an administrator' : 'as a client: your jobs'
}

function parseTtl (text: string): number {
  const ttlMs = Math.round(parseDuration(text, '--ttl'))

  if (ttlMs < 1_000 || ttlMs > MAX_TTL_MS) {
    throw new MeshmarkError('usage', `--ttl '${text}' is not from 1s to 24h: for longer, make a token with meshmark token create client --http --ttl ${text}`)
  }

  return ttlMs
}

/** Ends the waiting for the browser, so that the file is removed. */
function interrupted ({ signals }: Context): AbortSignal {
  const stop = new AbortController()

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    signals.once(signal, () => { stop.abort() })
  }

  return stop.signal
}
