import type { Libc } from './libc.ts'

/** unix(7), cmsg(3): structures of 64-bit Linux, little-endian. */
const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const MSG_CTRUNC = 8
const MSG_CMSG_CLOEXEC = 0x4000_0000
/** struct cmsghdr and one descriptor, filled up to a whole word. */
const CONTROL_LENGTH = 20
const CONTROL_BYTES = 24
const HEADER_BYTES = 56

const EINTR = 4
export const EAGAIN = 11

interface Message {
  header: Buffer
  control: Buffer
  /** What the kernel reads by its address must not be collected meanwhile. */
  kept: Buffer[]
}

/** One byte that carries a descriptor over a Unix socket, without waiting for room. Returns 0, or the errno. */
export function sendDescriptor (libc: Libc, socket: number, descriptor: number): number {
  const { header, control } = message(libc)

  control.writeBigUInt64LE(BigInt(CONTROL_LENGTH), 0)
  control.writeInt32LE(SOL_SOCKET, 8)
  control.writeInt32LE(SCM_RIGHTS, 12)
  control.writeInt32LE(descriptor, 16)

  return libc.sendmsg(socket, header, MSG_DONTWAIT | MSG_NOSIGNAL) === 1 ? 0 : libc.errno()
}

/** Waits for that byte; the descriptor is closed at every exec. Undefined when none came with it, or none could be taken. */
export function receiveDescriptor (libc: Libc, socket: number): number | undefined {
  const { header, control } = message(libc)
  let read: number

  do {
    read = libc.recvmsg(socket, header, MSG_CMSG_CLOEXEC)
  } while (read === -1 && libc.errno() === EINTR)

  const whole = read === 1 && (header.readInt32LE(48) & MSG_CTRUNC) === 0 && header.readBigUInt64LE(40) >= BigInt(CONTROL_LENGTH)

  return whole && control.readInt32LE(8) === SOL_SOCKET && control.readInt32LE(12) === SCM_RIGHTS ? control.readInt32LE(16) : undefined
}

/** struct msghdr with one byte of data and room for one descriptor. */
function message (libc: Libc): Message {
  const [header, control, data, vector] = [Buffer.alloc(HEADER_BYTES), Buffer.alloc(CONTROL_BYTES), Buffer.alloc(1), Buffer.alloc(16)]

  vector.writeBigUInt64LE(libc.address(data), 0)
  vector.writeBigUInt64LE(1n, 8)
  header.writeBigUInt64LE(libc.address(vector), 16)
  header.writeBigUInt64LE(1n, 24)
  header.writeBigUInt64LE(libc.address(control), 32)
  header.writeBigUInt64LE(BigInt(CONTROL_BYTES), 40)

  return { header, control, kept: [data, vector] }
}
