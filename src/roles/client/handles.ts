import { MeshmarkError } from '../../model/errors.ts'
import type { Client } from './types.ts'

/** The clients behind what `connect` of the library returns, those that are open, in the order in which they were. */
const open = new Map<object, Client>()

/** A handle of the library stands for this client from now on. */
export function register (handle: object, client: Client): void {
  open.set(handle, client)
}

export function unregister (handle: object): void {
  open.delete(handle)
}

/** Throws `usage` for what is no mesh, or none any more. */
export function clientOf (handle: object): Client {
  const client = open.get(handle)

  if (client == null) {
    throw new MeshmarkError('usage', 'this mesh is closed, or was not made by connect(): connect first')
  }

  return client
}

/** Of the mesh that was connected last and is not closed yet. */
export function currentClient (): Client | undefined {
  return [...open.values()].at(-1)
}
