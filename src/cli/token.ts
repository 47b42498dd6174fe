import { type Command, Argument } from 'commander'
import { MeshmarkError } from '../model/errors.ts'
import type { Role } from '../model/roles.ts'
import { formatDuration, parseCount, parseDuration } from '../model/units.ts'
import type { TokenRow } from '../node/protocol/admin/messages.ts'
import { withClient } from './common/connect.ts'
import { note, type Context } from './common/context.ts'
import { addConnectionOptions, addExamples, type ConnectionOptions, formatOption, type FormatOptions } from './common/options.ts'
import { renderRows, type Column } from './common/rows.ts'
import { writeAll } from './common/write.ts'

const HOUR_MS = 3_600_000

const COLUMNS: ReadonlyArray<Column<TokenRow>> = [
  { heading: 'token', key: 'id', value: row => row.id },
  { heading: 'role', key: 'role', value: row => row.http === 'read' ? 'reader' : row.role },
  { heading: 'for', key: 'for', value: row => row.http == null ? 'joining' : 'HTTP' },
  { heading: 'name', key: 'name', value: row => row.name ?? null },
  { heading: 'state', key: 'state', value: row => row.revoked ? 'revoked' : row.expiresAt < Date.now() ? 'expired' : row.usesLeft === 0 ? 'used up' : 'valid' },
  { heading: 'uses left', key: 'uses_left', value: row => row.usesLeft ?? null, text: row => row.usesLeft == null ? 'any' : String(row.usesLeft), align: 'right' },
  { heading: 'expires', key: 'expires_at', value: row => new Date(row.expiresAt).toISOString(), text: row => row.expiresAt < Date.now() ? 'over' : `in ${formatDuration(row.expiresAt - Date.now())}` }
]

export function define (command: Command, context: Context): void {
  addExamples(command, [
    ['meshmark token create worker', 'prints the line to type on the new machine'],
    ['meshmark token create client --ttl 1h --uses 1', 'for one person, for an hour'],
    ['meshmark token create master', 'prints the line that makes another machine one more master'],
    ['meshmark token create client --http --ttl 90d', 'a bearer token for programs that speak HTTP with a master'],
    ['meshmark token revoke 4f9a2c', 'nobody comes in with it any more'],
    ['meshmark token revoke --member lab-03', 'puts a node out, a master too']
  ], 'On a machine where a master of yours runs, these commands need nothing else.')

  defineCreate(command.command('create'), context)
  defineList(command.command('ls'), context)
  defineRevoke(command.command('revoke'), context)
}

function defineCreate (command: Command, context: Context): void {
  command.description('Make a join token and print the line to type.')
    .addArgument(new Argument('<role>', 'what it lets its bearer be').choices(['worker', 'client', 'master', 'admin', 'reader']))
    .option('--ttl <duration>', 'how long it is good for (default: 24h, master tokens 1h, for HTTP 30d)', text => parseDuration(text, '--ttl'))
    .option('--uses <n>', 'how often it can be used (default: any number, master tokens once)', text => parseCount(text, '--uses'))
    .option('--name <name>', 'a name for the list')
    .option('--http', 'not to join with, but for the HTTP interface of a master (--http): client, admin, or reader, who sees everything and changes nothing')
  addConnectionOptions(command)

  command.action(async (role: Role | 'reader', options: ConnectionOptions & { ttl?: number, uses?: number, name?: string, http?: boolean }) => {
    if (options.http === true) {
      return await createHttpToken(role, options, context)
    }

    if (role === 'reader') {
      throw new MeshmarkError('usage', 'a reader only reads over HTTP: add --http')
    }

    // A master is trusted with everything, so its token lives shortly and works once (design: section 5).
    const { ttl = role === 'master' ? HOUR_MS : 24 * HOUR_MS, uses = role === 'master' ? 1 : undefined, name } = options

    const { formatAddress } = await import('../node/address.ts')

    await withClient(options, async client => {
      const { text, row, addresses } = await client.createToken(role, { ttlMs: ttl, uses, name })

      // An address that other machines can reach, when there is one.
      const address = addresses.find(address => !/^\/ip4\/127\.|^\/ip6\/::1\//.test(address)) ?? addresses[0]

      note(context, `token ${row.id} for a ${role}, good for ${formatDuration(ttl)}${row.usesLeft == null ? '' : `, ${row.usesLeft === 1 ? 'once' : `${row.usesLeft} times`}`}. Type there:`)

      await writeAll(context.stdout, `meshmark join ${text}${address == null ? '' : `@${formatAddress(address)}`}\n`)
    }, 'admin')
  })
}

async function createHttpToken (role: Role | 'reader', options: ConnectionOptions & { ttl?: number, uses?: number, name?: string }, context: Context): Promise<void> {
  const { ttl = 30 * 24 * HOUR_MS, name } = options

  if (role === 'worker' || role === 'master') {
    throw new MeshmarkError('usage', `a ${role} has nothing to say over HTTP: make a token for client, admin or reader`)
  }

  if (options.uses != null) {
    throw new MeshmarkError('usage', '--uses has no meaning for a token of the HTTP interface: it is good for any number of requests')
  }

  await withClient(options, async client => {
    const { text, row } = await client.createToken(role === 'reader' ? 'admin' : role, { ttlMs: ttl, name, http: role === 'reader' ? 'read' : 'full' })

    note(context, `token ${row.id} for a ${role} over HTTP, good for ${formatDuration(ttl)}. Send it as Authorization: Bearer TOKEN:`)
    await writeAll(context.stdout, `${text}\n`)
  }, 'admin')
}

function defineList (command: Command, context: Context): void {
  command.description('Tokens that were made, without their secrets.')
    .addOption(formatOption())
  addConnectionOptions(command)

  command.action(async (options: ConnectionOptions & FormatOptions) => {
    await withClient(options, async client => {
      await writeAll(context.stdout, renderRows(await client.listTokens(), COLUMNS, options.format, 'no tokens'))
    }, 'admin')
  })
}

function defineRevoke (command: Command, context: Context): void {
  command.description('Let nobody in with a token any more, or put a member out.')
    .argument('<token>', 'its id, as ls shows it')
    .option('--member', 'not a token but a node, by name or peer id: its membership counts no more')
  addConnectionOptions(command)

  command.action(async (id: string, options: ConnectionOptions & { member?: boolean }) => {
    await withClient(options, async client => {
      const detail = options.member === true ? await client.revokeMember(id) : await client.revokeToken(id)

      await writeAll(context.stdout, `${detail}\n`)
    }, 'admin')
  })
}
