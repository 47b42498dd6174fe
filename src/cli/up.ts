import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { counted } from '../model/text.ts'
import type { Command } from 'commander'
import { parseCount } from '../model/units.ts'
import { note, type Context } from './common/context.ts'
import { NodeProcess } from './serve/node-process.ts'
import type { ReadyMessage } from './common/until-stopped.ts'
import { addExamples } from './common/options.ts'
import { programName } from './common/program-name.ts'
import { parseCores } from './worker.ts'

interface UpOptions {
  workers: number
  masters: number
  cores?: number
  data?: string
  port: number
  http?: string | boolean
}

export function define (command: Command, context: Context): void {
  command
    .option('--workers <n>', 'so many workers', text => parseCount(text, '--workers', 1, 64), 3)
    .option('--masters <n>', 'so many masters', text => parseCount(text, '--masters', 1, 9), 1)
    .option('--cores <n>', 'so many physical cores for each worker, which then measure at the same time (default: they take turns)', parseCores)
    .option('--port <n>', 'port of the first master on 127.0.0.1 (default: a free one)', text => parseCount(text, '--port', 0, 65_535), 0)
    .option('--data <dir>', 'keep everything there (default: a temporary folder, removed at the end)')
    .option('--http [addr:port]', 'let the first master answer over HTTP as well: --http, at 127.0.0.1:4748, or --http=ADDR:PORT')
    .option('-q, --quiet', 'no notes')
  addExamples(command, [
    ['meshmark up', 'a master and three workers'],
    ['meshmark up --masters 2', 'two masters: when one ends, the other takes over'],
    ['meshmark up --http', 'with a dashboard, and a link that signs in to it'],
    ['meshmark up --workers 1 --data ~/mesh', 'one worker, and jobs that are there again next time']
  ], 'Nothing of it can be reached from other machines. Workers on one machine take turns when they measure, unless\neach has cores of its own (--cores).')

  command.action(async (options: UpOptions) => {
    await up(options, context)
  })
}

/** Child processes of this very program, each a node of its own, until Ctrl-C. */
async function up (options: UpOptions, context: Context): Promise<void> {
  const { formatAddress } = await import('../node/address.ts')
  const temporary = options.data == null
  const data = temporary ? await mkdtemp(join(tmpdir(), 'meshmark-up-')) : resolve(options.data ?? '')
  const masters: NodeProcess[] = []
  const workers: NodeProcess[] = []
  const addresses: string[] = []
  let meshId: string | undefined
  let http: string | undefined
  const stopping = new AbortController()
  const stopped = new Promise<void>(resolve => { stopping.signal.addEventListener('abort', () => { resolve() }) })

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => { stopping.abort() })
  }

  try {
    // Workers of root give up its rights and must still reach their own folders.
    await (temporary ? chmod(data, 0o711) : mkdir(data, { recursive: true, mode: 0o711 }))

    const main = fileURLToPath(new URL('../main.js', import.meta.url))
    const env = { ...process.env, MESHMARK_DATA: data }
    const start = async (kind: NodeProcess[], args: string[]): Promise<ReadyMessage | undefined> => {
      const node = new NodeProcess(main, args, env, line => { note(context, line) })

      kind.push(node)

      return await Promise.race([node.ready, stopped.then(() => undefined)])
    }

    note(context, options.masters === 1 ? 'starting a master' : `starting ${options.masters} masters`)

    for (let number = 1; number <= options.masters; number++) {
      const [first] = addresses
      const ready = await start(masters, [
        'master', '--listen', `127.0.0.1:${number === 1 ? options.port : 0}`, '--no-mdns',
        '--name', number === 1 ? 'master' : `master-${number}`,
        ...(first == null ? [] : ['--peer', first]),
        ...(number > 1 || options.http == null ? [] : [typeof options.http === 'string' ? `--http=${options.http}` : '--http'])
      ])
      const address = ready?.addresses[0]

      if (address == null) {
        return
      }

      meshId = ready?.meshId
      http ??= ready?.http
      addresses.push(address)
    }

    note(context, `starting ${counted(options.workers, 'worker')}`)
    await Promise.all(Array.from({ length: options.workers }, async (_, index) =>
      await start(workers, ['worker', '--listen', '127.0.0.1:0', '--master', addresses.join(','), '--no-mdns', '--name', `worker-${index + 1}`, ...(options.cores == null ? [] : ['--cores', String(options.cores)])])))

    if (stopping.signal.aborted) {
      return
    }

    const page = http == null ? undefined : { api: http, link: await linkTo(meshId, addresses) }

    context.stdout.write(ready(options, addresses.map(address => formatAddress(address)), temporary ? undefined : data, page))
    await Promise.race([stopped, untilLastFails(masters, context), ...workers.map(async node => { await node.failed })])
    note(context, 'stopping')
  } finally {
    // Workers first: what they hold is delivered while there is a master.
    await Promise.all(workers.map(async node => { await node.stop() }))
    await Promise.all(masters.map(async node => { await node.stop() }))

    if (temporary) {
      await rm(data, { recursive: true, force: true })
      await forgetMesh(meshId)
    }
  }
}

/** As long as there is a master the mesh works; rejects as the last one did. */
async function untilLastFails (masters: readonly NodeProcess[], context: Context): Promise<never> {
  let left = masters.length

  return await Promise.race(masters.map(async node => await node.failed.catch(async (err: Error) => {
    if (--left === 0) {
      throw err
    }

    note(context, `${err.message}; ${left === 1 ? 'the other master takes' : `the other ${left} masters take`} over`)

    return await new Promise<never>(() => {})
  })))
}

/** Clients in other terminals keep a membership of the mesh, and masters that were killed an invitation to it; it is gone for good. */
async function forgetMesh (meshId: string | undefined): Promise<void> {
  const { dataRoot } = await import('../store/folders.ts')
  const { removeLocalMesh } = await import('../roles/local.ts')

  if (meshId != null) {
    await rm(join(dataRoot(), meshId), { recursive: true, force: true })
    await removeLocalMesh(meshId)
  }
}

/** What it opens lasts no longer than this terminal. */
async function linkTo (meshId: string | undefined, master: string[]): Promise<string> {
  const { makeLink, MAX_TTL_MS } = await import('./dashboard.ts')

  return (await makeLink({ master, ...(meshId == null ? {} : { mesh: meshId }), mdns: false, quiet: true, ttl: MAX_TTL_MS })).link
}

function ready ({ workers }: UpOptions, masters: readonly string[], data: string | undefined, page: { api: string, link: string } | undefined): string {
  const name = programName()

  return `${masters.length === 1 ? 'a master' : `${masters.length} masters`} at ${masters.join(', ')} and ${counted(workers, 'worker')}. In another terminal, type:
  ${name} nodes
  ${name} run python3 -c 'print(sum(range(1000000)))'
  ${name} exec uname -a${page == null ? '' : `\n  ${name} token create client --http     # for the interface ${page.api}/v1\nDashboard, for whoever sees this link: ${page.link}`}
Ctrl-C here stops everything${data == null ? ' and leaves nothing behind' : `; ${data} is kept`}.
`
}
