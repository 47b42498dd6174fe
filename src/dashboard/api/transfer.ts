import { problemOf } from './error.ts'

export interface TransferOptions {
  token: string
  headers: Record<string, string>
  /** Bytes of this body that are on their way or there. */
  onProgress: (sent: number) => void
  signal: AbortSignal
}

/** Nothing moves for so long: the master counts as dead. */
const STALLED_MS = 20_000

/**
 * Sends bytes and tells how far it is, which what the browser calls fetch does
 * not. Throws ApiError for what the master refuses, and another error when it
 * does not answer.
 */
export async function transfer<T> (url: string, body: ArrayBuffer, { token, headers, onProgress, signal }: TransferOptions): Promise<T> {
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
      reject(problemOf(status, answer, request.getResponseHeader('retry-after')))
    }
  }
  request.onerror = () => { reject(new Error('the connection has ended')) }
  signal.addEventListener('abort', onAbort)
  request.open('PATCH', url)
  request.setRequestHeader('authorization', `Bearer ${token}`)
  request.setRequestHeader('content-type', 'application/octet-stream')
  Object.entries(headers).forEach(([name, value]) => { request.setRequestHeader(name, value) })
  request.send(body)

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
