import { ApiError } from './error.ts'

export interface UploadOptions {
  token: string
  /** Bytes that are on their way or there. */
  onProgress: (sent: number) => void
  signal: AbortSignal
}

/** Nothing moves for so long: the master counts as dead. */
const STALLED_MS = 20_000

/**
 * Sends a file as it is read, never all of it in memory; what the browser calls
 * fetch does not tell how far it is. Throws ApiError for what the master
 * refuses, and another error when it does not answer.
 */
export async function putFile<T> (url: string, file: Blob, { token, onProgress, signal }: UploadOptions): Promise<T> {
  signal.throwIfAborted()

  const request = new XMLHttpRequest()
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const stop = (reason: unknown): void => {
    reject(reason)
    request.abort()
  }
  const onAbort = (): void => { stop(signal.reason) }
  const stalled = (): ReturnType<typeof setTimeout> => setTimeout(() => { stop(new Error('nothing moves')) }, STALLED_MS)
  let watch = stalled()

  request.upload.onprogress = ({ loaded }) => {
    clearTimeout(watch)
    watch = stalled()
    onProgress(loaded)
  }
  request.onload = () => {
    const { status } = request
    const answer = parsed(request.responseText)

    if (status >= 200 && status < 300) {
      resolve(answer as T)
    } else {
      reject(new ApiError(status, answer.code ?? 'failed', answer.detail ?? `the master answers ${status}`))
    }
  }
  request.onerror = () => { reject(new Error('the connection has ended')) }
  signal.addEventListener('abort', onAbort)
  request.open('PUT', url)
  request.setRequestHeader('authorization', `Bearer ${token}`)
  request.setRequestHeader('content-type', 'application/octet-stream')
  request.send(file)

  try {
    return await promise
  } finally {
    clearTimeout(watch)
    signal.removeEventListener('abort', onAbort)
  }
}

function parsed (text: string): { code?: string, detail?: string } {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}
