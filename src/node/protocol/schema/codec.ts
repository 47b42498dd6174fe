import { reader, writer } from 'protons-runtime'
import { MeshmarkError } from '../../../model/errors.ts'
import { Invalid } from './type.ts'
import type { Definition, Type } from './type.ts'
import type { Codec } from '../protocol.ts'

/** A codec together with what a .proto document says of it. */
export interface DocumentedCodec<T> extends Codec<T> {
  encode: (message: T) => Uint8Array
  defines: Definition
}

/**
 * The bytes of one message of this type. `decode` rejects whatever is out of
 * bounds with a MeshmarkError `refused` that names the protocol and the field.
 */
export function codec<T> (what: string, type: Type<T>): DocumentedCodec<T> {
  const { readBody } = type

  if (type.defines == null || readBody == null) {
    throw new Error(`${what}: only messages travel alone`)
  }

  return {
    defines: type.defines,
    encode: value => {
      const out = writer()

      try {
        type.write(out, value)
      } catch (err) {
        // ours, not the other side's: it must not go out, nor look like a refusal
        throw err instanceof Invalid ? new MeshmarkError('failed', `${what} cannot be sent: ${err.message}`, { cause: err }) : err
      }

      const framed = out.finish()

      // types write their length first, which a message that travels alone does not need
      return framed.subarray(lengthOfLength(framed))
    },
    decode: pieces => {
      const bytes = pieces.subarray()

      try {
        return readBody(reader(bytes), bytes.byteLength)
      } catch (err) {
        if (err instanceof Invalid) {
          throw new MeshmarkError('refused', `${what}: ${err.message}`, { cause: err })
        }

        throw new MeshmarkError('refused', `${what}: cannot be read`, { cause: err })
      }
    }
  }
}

function lengthOfLength (framed: Uint8Array): number {
  let length = 1

  while ((framed[length - 1] ?? 0) >= 0x80) {
    length++
  }

  return length
}
