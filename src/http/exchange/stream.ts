export interface StreamOptions {
  /** When it fires the stream ends, whatever is still to come. */
  signal: AbortSignal
  /** Said where nothing else was for so long. */
  beat?: { everyMs: number, text: string }
}

/** What a generator says as the body of an answer: asked for the next piece when the last one has been taken. */
export function streamOf (pieces: AsyncGenerator<string | Uint8Array>, { signal, beat }: StreamOptions): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let beating: NodeJS.Timeout | undefined
  let isOver = false

  const end = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    if (!isOver) {
      isOver = true
      clearInterval(beating)
      signal.removeEventListener('abort', onAbort)
      controller.close()
    }
  }
  let onAbort = (): void => {}

  return new ReadableStream<Uint8Array>({
    start (controller) {
      onAbort = () => { end(controller) }
      signal.addEventListener('abort', onAbort)

      if (beat != null) {
        beating = setInterval(() => {
          // nobody takes what there is already
          if ((controller.desiredSize ?? 0) > 0) {
            controller.enqueue(encoder.encode(beat.text))
          }
        }, beat.everyMs).unref()
      }
    },
    async pull (controller) {
      try {
        const { done, value } = await pieces.next()

        if (isOver) {
          return
        }

        if (done === true) {
          end(controller)
        } else {
          controller.enqueue(typeof value === 'string' ? encoder.encode(value) : value)
        }
      } catch (err) {
        if (!isOver) {
          isOver = true
          clearInterval(beating)
          signal.removeEventListener('abort', onAbort)
          // cut off instead of ended: what came is not all
          controller.error(err)
        }
      }
    },
    async cancel () {
      isOver = true
      clearInterval(beating)
      signal.removeEventListener('abort', onAbort)
      await pieces.return(undefined)
    }
  })
}

/** Calls once when the body of an answer has been taken to its end, or nobody takes it any more. */
export function whenOver (response: Response, over: () => void): Response {
  if (response.body == null) {
    over()

    return response
  }

  const reader = response.body.getReader()
  const body = new ReadableStream<Uint8Array>({
    async pull (controller) {
      try {
        const { done, value } = await reader.read()

        if (done) {
          over()
          controller.close()
        } else {
          controller.enqueue(value)
        }
      } catch (err) {
        over()
        controller.error(err)
      }
    },
    async cancel (reason) {
      over()
      await reader.cancel(reason)
    }
  }, { highWaterMark: 0 })

  return new Response(body, { status: response.status, headers: response.headers })
}
