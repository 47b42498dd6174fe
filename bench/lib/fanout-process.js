/**
 * A process in a namespace, which does what its parent says: a client of a
 * mesh, or a link of a bare chain. The chain is libp2p and nothing else: bytes
 * on a stream, passed on as they come, hashed, and not written anywhere.
 */
import { createHash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { MAIN } from './local-mesh.js'

const DIST = dirname(MAIN)
const load = path => import(join(DIST, path))
const BARE = '/bench/chain/1.0.0'

await load('node/polyfill.js')

let client, transport, next, size, digest, arrival

const METHODS = {
  async connect ({ addresses }) {
    const { connectClient } = await load('roles/client/connect.js')

    client = await connectClient({ masters: addresses, mdns: false })
  },

  /** One job that carries this file, for all: when what happened. */
  async job ({ file, measured }) {
    const { draftExec, draftRun, runJob } = await import('./client.js')

    return runJob(client, measured ? await draftRun(['true'], file) : await draftExec(['true'], { on: 'all', with: [file] }))
  },

  /** As a link of a chain: `own` = with the transport of Meshmark, otherwise with libp2p as it comes. */
  async listen ({ address, own }) {
    const { generateKeyPair } = await import('@libp2p/crypto/keys')
    const identity = await generateKeyPair('Ed25519')
    const listen = [`/ip4/${address}/tcp/0`]

    transport = own ? await (await load('node/libp2p.js')).createTransport({ identity, listen }) : await plainLibp2p(identity, listen)
    await transport.start()
    await transport.handle(BARE, stream => { take(stream) })

    return transport.getMultiaddrs()[0].toString()
  },

  /** Whom it passes on to. */
  async dial ({ address }) {
    const { multiaddr } = await import('@multiformats/multiaddr')

    next = await transport.dial(multiaddr(address))
  },

  expect (what) {
    ({ size, digest } = what)
    arrival = Promise.withResolvers()
  },

  async arrived () {
    return arrival.promise
  },

  async send ({ file }) {
    const stream = await next.newStream([BARE])

    for await (const piece of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
      await write(stream, piece)
    }

    await stream.close()
  },

  /** Seconds of processor time since the start. */
  used () {
    const { user, system } = process.cpuUsage()

    return (user + system) / 1e6
  },

  hash ({ file }) {
    return createHash('sha256').update(readFileSync(file)).digest('hex')
  }
}

/** With windows as large as ours. */
async function plainLibp2p (privateKey, listen) {
  const [{ createLibp2p }, { tcp }, { noise }, { yamux }] = await Promise.all(['libp2p', '@libp2p/tcp', '@chainsafe/libp2p-noise', '@chainsafe/libp2p-yamux'].map(async name => import(name)))

  return createLibp2p({
    privateKey,
    start: false,
    addresses: { listen },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: 2 * 1024 * 1024, maxReadBufferLength: 4 * 1024 * 1024 } })],
    connectionMonitor: { enabled: false }
  })
}

/** Stops reading whenever what it passes on to is full. */
async function take (stream) {
  const hash = createHash('sha256')
  const out = next?.newStream([BARE])
  let here = 0
  let full = false
  let pieces = []
  let wake = () => {}

  stream.addEventListener('message', ({ data }) => {
    pieces.push(data)

    if (pieces.length > 8 && !full) {
      full = true
      queueMicrotask(() => { if (full && stream.readStatus === 'readable') { stream.pause() } })
    }

    wake()
  })

  while (here < size) {
    if (pieces.length === 0) {
      await new Promise(resolve => { wake = resolve })
    }

    const batch = pieces

    pieces = []

    if (full) {
      full = false

      if (stream.readStatus === 'paused') {
        stream.resume()
      }
    }

    for (const piece of batch) {
      for (const part of piece) {
        const bytes = part instanceof Uint8Array ? part : piece

        hash.update(bytes)

        if (bytes === piece) {
          break
        }
      }

      here += piece.byteLength

      if (out != null) {
        await write(await out, piece)
      }
    }
  }

  await (await out)?.close()

  const found = hash.digest('hex')

  if (found === digest) {
    arrival.resolve()
  } else {
    arrival.reject(new Error(`the chain delivered ${found}`))
  }
}

async function write (stream, bytes) {
  stream.send(bytes)

  if (stream.writableNeedsDrain) {
    await new Promise((resolve, reject) => {
      stream.addEventListener('drain', resolve, { once: true })
      stream.addEventListener('close', () => { reject(new Error('the chain broke')) }, { once: true })
    })
  }
}

process.on('message', async ({ id, method, params }) => {
  try {
    process.send({ id, result: await METHODS[method](params ?? {}) })
  } catch (err) {
    process.send({ id, error: err.stack })
  }
})

process.on('disconnect', async () => {
  await client?.close()
  await transport?.stop()
  process.exit()
})
