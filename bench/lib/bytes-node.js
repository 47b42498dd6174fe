/**
 * One end of a transfer of bench/bytes.js: a process of its own, which does
 * what its parent says. Listens or dials, sends or takes, and says what that
 * cost its processor.
 */
import { createHash } from 'node:crypto'
import { closeSync, fsync, mkdtempSync, openSync, rmSync, writev } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from '../../scripts/lib/process.js'

const DIST = process.env.MESHMARK_DIST ?? join(ROOT, 'dist')
const load = path => import(join(DIST, path))

await load('node/polyfill.js')

const { multiaddr } = await import('@multiformats/multiaddr')
const { createTransport } = await load('node/libp2p.js')
const { generateKeyPair } = await import('@libp2p/crypto/keys')
const { StreamChannel } = await load('node/channel.js')
const { sendPayload } = await load('node/payload/send.js')
const { receivePayload } = await load('node/payload/receive.js')
const { manifestId } = await load('node/payload/manifest.js')
const { payload: protocol } = await load('node/protocol/payload/index.js')
const { ContentStore } = await load('store/content.js')

const CHUNK = 1024 * 1024
const BARE = '/bench/bare/1.0.0'
const peer = { id: 'bench', roles: new Set(['master']) }

const folder = mkdtempSync(join(tmpdir(), 'meshmark-bench-bytes-'))
let transport, content, server, bytes, manifest, arrival

const METHODS = {
  /** Where to be reached, by libp2p and by plain TCP. */
  async listen () {
    await start(['/ip4/127.0.0.1/tcp/0'])

    await transport.handle(BARE, stream => { takeBare(stream) })
    await transport.handle(protocol.id, stream => { takePayload(stream) })

    server = createServer(socket => { takeSocket(socket) })
    await new Promise(resolve => { server.listen(0, '127.0.0.1', resolve) })

    return { address: transport.getMultiaddrs()[0].toString(), port: server.address().port }
  },

  /** Makes `size` random bytes, which every transfer sends. */
  async prepare ({ size, seed }) {
    await start([])

    // not compressible, and the same in every run
    bytes = Buffer.alloc(size)

    for (let at = 0, block = 0; at < size; at += 32, block++) {
      createHash('sha256').update(`${seed} ${block}`).digest().copy(bytes, at)
    }

    const chunks = []

    for (let at = 0; at < size; at += CHUNK) {
      chunks.push(new Uint8Array(createHash('sha256').update(bytes.subarray(at, at + CHUNK)).digest()))
    }

    const draft = { files: [{ path: 'data', size, executable: false }], chunkSize: CHUNK, chunks }

    manifest = { ...draft, id: manifestId(draft) }
  },

  /** What the next transfer is to be taken as. */
  expect ({ how, size, digest }) {
    const { promise, resolve, reject } = Promise.withResolvers()

    arrival = { how, size, digest, resolve, reject, used: process.cpuUsage(), done: promise }
    promise.catch(() => {})
  },

  async arrived () {
    await arrival.done

    return { cpuMs: cpuMs(arrival.used) }
  },

  digest: () => createHash('sha256').update(bytes).digest('hex'),

  /** Sends everything; resolves once the other side has all of it. */
  async send ({ how, address, port }) {
    const connection = how === 'tcp' ? undefined : await transport.dial(multiaddr(address))
    const used = process.cpuUsage()
    const began = performance.now()

    if (how === 'tcp') {
      await sendSocket(port)
    } else if (how === 'payload') {
      await sendOurs(connection)
    } else {
      await sendBare(connection)
    }

    return { ms: performance.now() - began, cpuMs: cpuMs(used) }
  },

  /** The receiver of a payload forgets it. */
  async forget () {
    content = undefined
    rmSync(join(folder, 'content'), { recursive: true, force: true })
  }
}

process.on('message', ({ id, method, params }) => {
  Promise.resolve().then(() => METHODS[method](params)).then(
    result => { process.send({ id, result }) },
    err => { process.send({ id, error: err.stack }) }
  )
})

process.on('disconnect', () => {
  rmSync(folder, { recursive: true, force: true })
  process.exit()
})

async function start (listen) {
  transport = await createTransport({ identity: await generateKeyPair('Ed25519'), listen, pingIntervalMs: 10_000, askAfterMs: 10_000, giveUpAfterMs: 10_000 })
  await transport.start()
}

function cpuMs (since) {
  const { user, system } = process.cpuUsage(since)

  return (user + system) / 1_000
}

/** Counts, and with `bare+` also hashes and writes what comes, as whoever stores it must. */
function takeBare (stream) {
  const { size, how, digest, resolve, reject } = arrival
  const hash = createHash('sha256')
  // nothing may be awaited here: an unread stream is not flow-controlled
  const file = how === 'bare+' ? openSync(join(folder, 'bare'), 'w') : undefined
  let received = 0
  let writing = Promise.resolve()
  let waiting = 0

  const onMessage = ({ data }) => {
    received += data.byteLength

    if (file != null) {
      for (const part of data) {
        hash.update(part)
      }

      waiting += data.byteLength
      writing = writing.then(async () => {
        await promisify(writev)(file, [...data])
        waiting -= data.byteLength

        if (waiting < CHUNK && stream.readStatus === 'paused') {
          stream.resume()
        }
      })

      queueMicrotask(() => {
        if (waiting >= CHUNK && stream.readStatus === 'readable') {
          stream.pause()
        }
      })
    }

    if (received >= size) {
      writing.then(async () => {
        if (file != null) {
          await promisify(fsync)(file)
          closeSync(file)

          if (hash.digest('hex') !== digest) {
            throw new Error('what arrived is not what was sent')
          }
        }

        resolve()
        stream.send(new Uint8Array(1))
        await stream.close()
      }).catch(reject)
    }
  }

  stream.addEventListener('message', onMessage)
}

async function sendBare (connection) {
  const stream = await connection.newStream([BARE])
  const answered = new Promise((resolve, reject) => {
    stream.addEventListener('message', resolve, { once: true })
    stream.addEventListener('close', ({ error }) => { reject(error ?? new Error('closed early')) }, { once: true })
  })

  for (let at = 0; at < bytes.byteLength; at += CHUNK) {
    if (!stream.send(bytes.subarray(at, at + CHUNK))) {
      await drained(stream)
    }
  }

  await answered
  await stream.close()
}

async function drained (stream) {
  while (stream.writableNeedsDrain) {
    await new Promise(resolve => { stream.addEventListener('drain', () => { queueMicrotask(resolve) }, { once: true }) })
  }
}

async function takePayload (stream) {
  const { resolve, reject } = arrival
  const channel = new StreamChannel(stream, { peer: 'sender', name: 'payload', maxMessage: protocol.maxMessage, incoming: protocol.request, outgoing: protocol.reply })

  try {
    content ??= ContentStore.open(join(folder, 'content'), { maxBytes: 1e10 })
    await receivePayload(channel, peer, { content: await content, admit: async () => undefined })
    resolve()
    await channel.finish()
  } catch (err) {
    reject(err)
    channel.abort(err)
  }
}

async function sendOurs (connection) {
  const node = {
    openChannel: async () => new StreamChannel(await connection.newStream([protocol.id]), { peer: 'receiver', name: 'payload', maxMessage: protocol.maxMessage, incoming: protocol.reply, outgoing: protocol.request })
  }

  await sendPayload(node, 'receiver', { manifest, readChunk: async index => bytes.subarray(index * CHUNK, (index + 1) * CHUNK) })
}

function takeSocket (socket) {
  const { size, resolve, reject } = arrival
  let received = 0

  socket.on('error', reject)
  socket.on('data', data => {
    received += data.byteLength

    if (received >= size) {
      resolve()
      socket.end('.')
    }
  })
}

async function sendSocket (port) {
  const socket = connect(port, '127.0.0.1')
  const answered = new Promise((resolve, reject) => {
    socket.once('data', resolve)
    socket.once('error', reject)
  })

  for (let at = 0; at < bytes.byteLength; at += CHUNK) {
    if (!socket.write(bytes.subarray(at, at + CHUNK))) {
      await new Promise(resolve => { socket.once('drain', resolve) })
    }
  }

  await answered
  socket.destroy()
}
