import type { Channel } from './protocol/protocol.ts'
import type { AbortOptions } from '@libp2p/interface'
import type { Duplex, Source } from 'it-stream-types'

/** A channel as it-pipe takes it: what is piped in is sent, with back-pressure, and closed at its end; what is received comes out. */
export function duplex<In, Out> (channel: Channel<In, Out>, options: AbortOptions = {}): Duplex<AsyncGenerator<In>, Source<Out>, Promise<void>> {
  return {
    source: receiveAll(channel, options),
    sink: async source => {
      for await (const message of source) {
        await channel.send(message, options)
      }

      await channel.close()
    }
  }
}

/** Every message until the other side closes. */
export async function * receiveAll<In> (channel: Channel<In, never>, options: AbortOptions = {}): AsyncGenerator<In> {
  for (let message = await channel.receive(options); message !== undefined; message = await channel.receive(options)) {
    yield message
  }
}
