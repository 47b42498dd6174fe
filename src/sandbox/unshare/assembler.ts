/**
 * Builds a box from inside of new namespaces, as their process 1, and then
 * becomes the runner. One argument: the descriptor of its orders. Every path
 * is one of the host until the end; nothing of a stranger is here.
 */
import { closeSync, readFileSync, readlinkSync, readSync, writeSync } from 'node:fs'
import { loadLibc } from '../native/libc.ts'
import { become } from './become.ts'
import { raiseLoopback } from './loopback.ts'
import { mountAll } from './mounts.ts'
import type { Koffi } from '../native/koffi.ts'
import type { AssemblerOrders } from '../assembler-orders.ts'

function main (): void {
  const ordersFd = Number(process.argv[2])
  const orders = JSON.parse(readFileSync(ordersFd, 'utf8')) as AssemblerOrders
  const module = { exports: {} }

  closeSync(ordersFd)
  process.dlopen(module, `/proc/self/fd/${orders.koffiFd}`)
  closeSync(orders.koffiFd)

  const libc = loadLibc(module.exports as Koffi)

  // The /proc that is still there is the host's.
  writeSync(orders.infoFd, JSON.stringify({ 'child-pid': Number(readlinkSync('/proc/self')) }))
  closeSync(orders.infoFd)

  if (orders.blockFd != null && readSync(orders.blockFd, Buffer.alloc(1)) === 0) {
    throw new Error('the map of uids did not come')
  }

  raiseLoopback(libc)
  mountAll(libc, orders)
  become(libc, orders)
}

try {
  main()
} catch (err) {
  writeSync(2, `assembler: ${err instanceof Error ? err.message : String(err)}\n`)
  process.exitCode = 1
}
