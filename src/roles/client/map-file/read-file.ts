import { createReadStream } from 'node:fs'
import { isMeshmarkError, MeshmarkError } from '../../../model/errors.ts'
import { systemReason } from '../../../model/system-reason.ts'
import { MAX_MAP_FILE_BYTES } from './map-file.ts'
import type { Readable } from 'node:stream'

/** The text of a map file. Throws `usage` for one that cannot be read, or is larger than one may be. */
export async function readMapFile (file: string): Promise<string> {
  try {
    // what says that it has no bytes may have any number: a pipe, a device
    return await readMapInput(createReadStream(file), file)
  } catch (err) {
    throw isMeshmarkError(err) ? err : new MeshmarkError('usage', `${file === '' ? 'a map file without a name' : file} cannot be read: ${systemReason(err)}`, { cause: err })
  }
}

/** @param name - as it is called when it is too large */
export async function readMapInput (source: Readable, name: string): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0

  for await (const chunk of source) {
    chunks.push(Buffer.from(chunk))
    bytes += Buffer.byteLength(chunk)

    if (bytes > MAX_MAP_FILE_BYTES) {
      throw new MeshmarkError('usage', `${name} has more than the ${MAX_MAP_FILE_BYTES} bytes that a map file may have: write several maps`)
    }
  }

  return Buffer.concat(chunks).toString()
}
