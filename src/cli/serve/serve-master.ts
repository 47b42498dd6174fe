import { MeshmarkError } from '../../model/errors.ts'
import { note, type Context } from '../common/context.ts'
import type { HttpOptions, RunningHttp } from '../../http/server.ts'
import type { RunningMaster } from '../../roles/master/master.ts'
import { letHeapGrow } from './heap.ts'
import type { HttpSettings } from '../options/http.ts'
import { listenAddress } from './listen.ts'
import { useDataDirectory } from '../common/data-directory.ts'
import { typed } from '../common/program-name.ts'
import { announceReady, untilStopped } from '../common/until-stopped.ts'

/** Percent. With a thousand workers 100 MB are alive. */
const HEAP_GROWTH = 200

export interface MasterSettings extends HttpSettings {
  listen?: string[]
  port?: number
  name?: string
  data?: string
  mdns?: boolean
  payloadStore?: number
  retain?: number
  retainSize?: number
  peer?: string[]
  token?: string
}

/** Is a master until told to stop, or until its mesh puts it out. */
export async function serveAsMaster (settings: MasterSettings, context: Context): Promise<void> {
  letHeapGrow(HEAP_GROWTH)

  useDataDirectory(settings.data)

  const { runMaster } = await import('../../roles/master/master.ts')

  // before anything is begun
  const httpOptions = settings.http == null || settings.http === false ? undefined : readHttpOptions(settings, context)
  const master = await runMaster({
    listen: await listenAddresses(settings),
    name: settings.name,
    payloadBytes: settings.payloadStore,
    retention: { ageMs: settings.retain, bytes: settings.retainSize },
    mdns: settings.mdns !== false,
    token: settings.token,
    peers: settings.peer,
    log: line => { note(context, line) }
  })

  const http = httpOptions == null ? undefined : await startHttp(master, httpOptions)

  if (httpOptions == null) {
    // others must not be sent here
    await master.http.addresses.announce([])
  }

  context.stdout.write(await greeting(master, context))

  if (http != null && !context.quiet) {
    context.stdout.write(`\nDashboard: ${typed('meshmark dashboard --open')} signs in to ${http.url}\nOver HTTP: ${http.url}/v1, with a token of ${typed('meshmark token create client --http')}\n`)
  }

  announceReady({ kind: 'ready', name: master.name, meshId: master.meshId, addresses: master.addresses, ...(http == null ? {} : { http: http.url }) })
  await untilStopped({
    stop: async () => {
      await http?.close()
      await master.stop()
    },
    failed: Promise.race([
      master.removed.then(reason => new MeshmarkError('refused', `${reason}: to come back it joins anew (meshmark master --token TOKEN@HOST)`)),
      master.outlived.then(reason => new MeshmarkError('failed', reason))
    ])
  }, context, { stopping: 'stopping' })
}

function readHttpOptions ({ http, httpOrigin = [], httpHost = [], httpInsecure }: HttpSettings, context: Context): HttpOptions {
  const wrong = httpOrigin.find(origin => !/^https?:\/\/[^/\s]+$/.test(origin))

  if (wrong != null) {
    throw new MeshmarkError('usage', `--http-origin '${wrong}' is not an origin: write e.g. https://lab.example, without a path`)
  }

  return {
    listen: typeof http === 'string' ? http : undefined,
    origins: httpOrigin,
    hosts: httpHost.map(name => name.toLowerCase()),
    insecure: httpInsecure,
    log: line => { note(context, line) }
  }
}

async function startHttp (master: RunningMaster, options: HttpOptions): Promise<RunningHttp> {
  const { serveHttp } = await import('../../http/server.ts')

  try {
    return await serveHttp(master, options)
  } catch (err) {
    await master.stop()
    throw err
  }
}

async function listenAddresses ({ listen, port }: MasterSettings): Promise<string[]> {
  const { DEFAULT_PORT } = await import('../../node/address.ts')

  if (listen != null && port != null) {
    throw new MeshmarkError('usage', '--port and --listen both name a port: write it behind the host, --listen HOST:PORT')
  }

  return listen != null ? Promise.all(listen.map(listenAddress)) : [`/ip4/0.0.0.0/tcp/${port ?? DEFAULT_PORT}`]
}

async function greeting (master: { name: string, meshId: string, addresses: string[], joinLines: string[] }, context: Context): Promise<string> {
  const { formatAddress } = await import('../../node/address.ts')
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
