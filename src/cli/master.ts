import type { Command } from 'commander'
import { MeshmarkError } from '../model/errors.ts'
import { parseCount, parseSize } from '../model/units.ts'
import { note, type Context } from './context.ts'
import { ListOption, splitCommas } from './list-option.ts'
import { addExamples } from './options.ts'
import { typed } from './program-name.ts'
import { announceReady, untilStopped } from './until-stopped.ts'
import { useDataDirectory } from './data-directory.ts'

interface MasterOptions {
  listen?: string[]
  port?: number
  name?: string
  data?: string
  mdns?: boolean
  payloadStore?: number
  peer?: string[]
  token?: string
}

export function define (command: Command, context: Context): void {
  command
    .addOption(new ListOption('--listen <addr>', 'where it can be reached, HOST[:PORT] or a multiaddr; port 0 takes a free one (repeatable; default: every address)', splitCommas))
    .option('--port <n>', 'the port on every address (default: 4747)', text => parseCount(text, '--port', 0, 65_535))
    .option('--name <name>', 'what others see (default: the name of this machine)')
    .option('--data <dir>', 'where it keeps its mesh, jobs and payloads')
    .option('--payload-store <size>', 'payloads kept, the least recently used go first (default: 20G)', text => parseSize(text, '--payload-store'))
    .option('--no-mdns', 'do not let itself be found on the local network')
    .addOption(new ListOption('--peer <addr>', 'another master of the mesh', splitCommas))
    .option('--token <token>', 'a token of an existing mesh, to be one more master of it')
    .option('-q, --quiet', 'no notes')
  addExamples(command, [
    ['meshmark master', 'creates a mesh the first time, takes it up again afterwards'],
    ['meshmark master --listen 127.0.0.1:4800 --no-mdns', 'for this machine alone']
  ], `
Whoever runs a master holds the key of the mesh and is trusted with everything in it.
Workers and clients of the same user on this machine join without typing anything.
SIGTERM or Ctrl-C stops it in order; jobs and results are there again at the next start.`)

  command.action(async (options: MasterOptions) => {
    if ((options.peer ?? []).length > 0 || options.token != null) {
      throw new MeshmarkError('usage', 'a mesh has one master for now: start it without --peer and --token')
    }

    useDataDirectory(options.data)

    const { runMaster } = await import('../roles/master/master.ts')
    const master = await runMaster({
      listen: await listenAddresses(options),
      ...(options.name == null ? {} : { name: options.name }),
      ...(options.payloadStore == null ? {} : { payloadBytes: options.payloadStore }),
      mdns: options.mdns !== false,
      log: line => { note(context, line) }
    })

    context.stdout.write(await greeting(master, context))
    announceReady({ kind: 'ready', name: master.name, meshId: master.meshId, addresses: master.addresses })
    await untilStopped({ stop: async () => { await master.stop() } }, context, { stopping: 'stopping' })
  })
}

async function listenAddresses ({ listen, port }: MasterOptions): Promise<string[]> {
  const { DEFAULT_PORT, parseAddress } = await import('../node/address.ts')

  if (listen != null && port != null) {
    throw new MeshmarkError('usage', '--port and --listen both name a port: write it behind the host, --listen HOST:PORT')
  }

  return listen?.map(address => listenAddress(address, text => parseAddress(text).toString())) ?? [`/ip4/0.0.0.0/tcp/${port ?? DEFAULT_PORT}`]
}

/** Port 0 means something only to who listens: nobody can be reached there, so parsing refuses it. */
function listenAddress (text: string, parse: (text: string) => string): string {
  return /(:|\/tcp\/)0$/.test(text)
    ? parse(text.replace(/0$/, '1')).replace(/\/tcp\/1$/, '/tcp/0')
    : parse(text)
}

async function greeting (master: { name: string, meshId: string, addresses: string[], joinLines: string[] }, context: Context): Promise<string> {
  const { formatAddress } = await import('../node/address.ts')
  const [worker = '', client = ''] = master.joinLines

  return context.quiet
    ? ''
    : `master ${master.name} of mesh ${master.meshId.slice(-8)}, listening on ${master.addresses.map(address => formatAddress(address)).join(', ')}

On this machine, other terminals need nothing more:
  ${typed('meshmark worker')}
  ${typed('meshmark run ./program ARG')}

${master.addresses.every(isLoopback)
  ? 'No other machine can reach it: it listens on this one alone.'
  : `On another machine, to be a worker of it:
  ${worker}
or to submit jobs:
  ${client}
These tokens are good for 24 h; ${typed('meshmark token create')} makes others.`}
`
}

function isLoopback (address: string): boolean {
  return /^\/ip4\/127\.|^\/ip6\/::1\/|^\/dns[46]?\/localhost\//.test(address)
}
