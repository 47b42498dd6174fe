import type { LibraryHandle } from 'koffi'

/** The part of koffi that is used: its package in the worker, its bare native file inside the box. */
export interface Koffi {
  load (path: string | null): LibraryHandle
  address (value: Uint8Array): bigint
  errno (): number
}

/** A buffer is passed as it is, 0n or null as NULL, anything else as an address. */
export type Pointer = Uint8Array | bigint | null
