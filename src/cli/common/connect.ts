import type { Client } from '../../roles/client/types.ts'
import { useDataDirectory } from './data-directory.ts'
import { connectOptions, type ConnectionOptions } from './options.ts'

/** What is said when no master has answered for over a second. */
export const WAITING = 'waiting for a master'

/** Connects, lets `use` speak to the mesh, and closes again whatever happens. */
export async function withClient<T> (options: ConnectionOptions, use: (client: Client) => Promise<T>, role: 'client' | 'admin' = 'client', signal?: AbortSignal): Promise<T> {
  useDataDirectory(options.data)

  const { connectClient } = await import('../../roles/client/connect.ts')
  const client = await connectClient({
    ...connectOptions(options, role),
    ...(signal == null ? {} : { signal }),
    onWaiting: () => {
      if (options.quiet !== true) {
        process.stderr.write(`${WAITING}\n`)
      }
    }
  })

  try {
    return await use(client)
  } finally {
    await client.close()
  }
}
