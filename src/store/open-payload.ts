import type { PayloadManifest } from '../model/payload.ts'
import type { ContentReader } from './content-reader.ts'
import type { ContentStore } from './content.ts'

/** Rejects with what keeps the payload out of the store, when it was refused before. */
export async function openPayload (content: ContentStore, manifest: PayloadManifest): Promise<ContentReader> {
  if (!await content.has(manifest.id)) {
    await (await content.begin(manifest)).abort()
  }

  return content.open(manifest.id)
}
