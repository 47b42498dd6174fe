import { clientOf, currentClient } from '../roles/client/handles.ts'
import { DefaultConnection } from './default-connection.ts'
import type { Client } from '../roles/client/types.ts'
import type { ClientSource } from './lane.ts'

const defaultConnection = new DefaultConnection()

/** The mesh that was named; else, at each job, the one connected last; else this machine's, by a connection of our own. */
export function meshSource (mesh: object | undefined): ClientSource {
  return {
    acquire: async () => {
      const client = mesh == null ? currentClient() : clientOf(mesh)

      return client == null ? await defaultConnection.acquire() : kept(client)
    }
  }
}

/** It lives as long as whoever made it wants. */
function kept (client: Client): { client: Client, release: () => void } {
  return { client, release: () => {} }
}
