/** The master of dist in a process of its own, which says on demand what it uses. Started with --expose-gc. */
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { MAIN } from './local-mesh.js'

await import(join(MAIN, '../node/polyfill.js'))

const { runMaster } = await import(join(MAIN, '../roles/master/master.js'))
const { listen, data } = JSON.parse(process.argv[2])
const delay = monitorEventLoopDelay({ resolution: 10 })
const master = await runMaster({ listen: [listen], dataDir: data, name: 'master', mdns: false, log: line => { process.send?.({ kind: 'log', line }) } })

process.on('message', async message => {
  if (message.kind === 'usage') {
    global.gc()
    await new Promise(resolve => { setImmediate(resolve) })
    global.gc()

    const { rss, heapUsed, external } = process.memoryUsage()
    const { user, system } = process.cpuUsage()

    process.send({ kind: 'usage', rss, heapUsed, external, cpuUs: user + system, delayMaxMs: delay.max / 1e6 })
    delay.reset()
  } else if (message.kind === 'stop') {
    await master.stop()
    process.disconnect()
  }
})

process.on('disconnect', () => { process.exit() })
delay.enable()
process.send({ kind: 'ready', address: master.addresses[0], token: /join (\S+)@/.exec(master.joinLines[0])[1], atNs: String(process.hrtime.bigint()) })
