import { closeSync } from 'node:fs'
import { check } from '../runner/boot.ts'
import type { Libc } from '../native/libc.ts'

const AF_INET = 2
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
const SIOCSIFFLAGS = 0x8914
const IFF_UP = 1

/** struct ifreq of netdevice(7): 16 bytes of name, then what is asked for. */
const IFREQ_BYTES = 40
const FLAGS_AT = 16

/** A fresh network namespace has one interface, and it is down. The kernel gives it its address when it goes up. */
export function raiseLoopback (libc: Libc): void {
  const socket = check(libc, 'socket', libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0))
  const request = Buffer.alloc(IFREQ_BYTES)

  request.write('lo')
  request.writeInt16LE(IFF_UP, FLAGS_AT)

  try {
    check(libc, 'loopback interface', libc.ioctl(socket, SIOCSIFFLAGS, request))
  } finally {
    closeSync(socket)
  }
}
