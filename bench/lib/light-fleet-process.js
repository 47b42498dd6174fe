/**
 * A process full of light workers. Told by its parent to start so many of
 * them; says when each is registered, and every line that one logs about
 * trouble.
 */
import { join } from 'node:path'
import { MAIN } from './local-mesh.js'

await import(join(MAIN, '../node/polyfill.js'))

const { LightWorker } = await import('./light-worker.js')
const { findMesh } = await import(join(MAIN, '../roles/find-mesh.js'))
const workers = []

process.on('message', async message => {
  try {
    if (message.kind === 'start') {
      await start(message)
    } else if (message.kind === 'stop') {
      await Promise.all(workers.map(async worker => worker.stop()))
      process.disconnect()
    }
  } catch (err) {
    process.send({ kind: 'failed', reason: err.message })
  }
})

// the bench was killed: nobody is left to stop this
process.on('disconnect', () => { process.exit() })
process.send({ kind: 'ready' })

/** All at once, as after a power cut. */
async function start ({ count, first, folder, master, token }) {
  const mesh = await findMesh({ role: 'worker', dataRoot: folder, masters: [master], token })

  await Promise.all(Array.from({ length: count }, async (_, index) => {
    const name = `light-${first + index}`

    workers.push(await LightWorker.start({
      name,
      mesh,
      folder: join(folder, name),
      onRegistered: () => { process.send({ kind: 'registered', name, atNs: String(process.hrtime.bigint()) }) },
      log: line => { process.send({ kind: 'log', line: `${name}: ${line}` }) }
    }))
  }))
}
