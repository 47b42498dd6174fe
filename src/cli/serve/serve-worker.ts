import { MeshmarkError } from '../../model/errors.ts'
import type { SomeLimits } from '../../model/limits.ts'
import type { Grant } from '../../model/machine.ts'
import type { BindingRequest } from '../../roles/worker/binding.ts'
import { note, type Context } from '../common/context.ts'
import { useDataDirectory } from '../common/data-directory.ts'
import { letHeapGrow } from './heap.ts'
import { listenAddress } from './listen.ts'
import { connectOptions, type ConnectionOptions } from '../common/options.ts'
import { announceReady, untilStopped } from '../common/until-stopped.ts'

/** Percent. Some 15 MB are alive. */
const HEAP_GROWTH = 400

export interface WorkerSettings extends ConnectionOptions {
  name?: string
  labels?: Record<string, string>
  user?: string
  payloadStore?: number
  listen?: string[]
  /** Set by --no-relay. */
  relay?: boolean
  keepResults?: number
  resultStore?: number
  ceilings?: SomeLimits
  grants?: Grant[]
  bind?: BindingRequest
  slots?: number
}

/** Where nobody else reaches it there is nothing to listen for. */
async function listenAddresses (listen: string[], relay = true): Promise<string[]> {
  if (!relay) {
    throw new MeshmarkError('usage', '--listen and --no-relay exclude each other: a worker that passes nothing on need not be reached')
  }

  return Promise.all(listen.map(listenAddress))
}

/** Is a worker until told to stop. */
export async function serveAsWorker (settings: WorkerSettings, context: Context): Promise<void> {
  letHeapGrow(HEAP_GROWTH)

  if (process.platform !== 'linux') {
    throw new MeshmarkError('failed', `workers need Linux, this is ${process.platform}: masters and clients run here`)
  }

  useDataDirectory(settings.data)

  const { runWorker } = await import('../../roles/worker/worker.ts')
  const { masters, token, mesh, mdns } = connectOptions(settings)

  const worker = await runWorker({
    masters,
    token,
    mesh,
    mdns,
    name: settings.name,
    labels: settings.labels,
    user: settings.user,
    payloadBytes: settings.payloadStore,
    listen: settings.listen == null ? undefined : await listenAddresses(settings.listen, settings.relay),
    relay: settings.relay,
    keepResultsMs: settings.keepResults,
    resultBytes: settings.resultStore,
    ceilings: settings.ceilings,
    grants: settings.grants,
    bind: settings.bind,
    slots: settings.slots,
    log: line => { note(context, line) }
  })

  if (worker.refusal != null) {
    context.stderr.write(`meshmark: this worker takes no work: ${worker.refusal}; see meshmark doctor\n`)
  }

  announceReady({ kind: 'ready', name: worker.name, addresses: [] })
  await untilStopped(worker, context, { stopping: 'stopping when what runs now has ended; Ctrl-C again stops at once' })
}
