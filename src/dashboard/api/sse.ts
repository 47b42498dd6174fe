export interface SseMessage {
  event: string
  data: string
  /** Absent when the message says none: the one before stays. */
  id?: string
}

/** Characters of one message; a whole mesh of thousands of workers has some millions. */
const MAX_MESSAGE = 64 * 1024 * 1024

/** Server-sent events out of text that comes in any pieces. https://html.spec.whatwg.org/multipage/server-sent-events.html */
export class SseParser {
  /** The line that has not ended yet. */
  #pieces: string[] = []
  #size = 0
  #event = ''
  #data: string[] = []
  #id: string | undefined

  /** Messages that are whole with this piece. Throws for one that is far too long. */
  push (text: string): SseMessage[] {
    const lines = text.split('\n')
    const last = lines.pop() ?? ''
    const messages: SseMessage[] = []

    for (const line of lines) {
      this.#pieces.push(line)

      const message = this.#line(this.#pieces.join('').replace(/\r$/, ''))

      this.#pieces = []

      if (message != null) {
        messages.push(message)
        this.#size = 0
      }
    }

    this.#pieces.push(last)
    this.#size += text.length

    if (this.#size > MAX_MESSAGE) {
      throw new Error('a message of the stream is too long')
    }

    return messages
  }

  #line (line: string): SseMessage | undefined {
    if (line === '') {
      return this.#dispatch()
    }

    const colon = line.indexOf(':')
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')

    if (field === 'event') {
      this.#event = value
    } else if (field === 'data') {
      this.#data.push(value)
    } else if (field === 'id' && !value.includes('\0')) {
      this.#id = value
    } else if (field === '') {
      // a comment: it only says that the other end is there
      this.#size = 0
    }

    return undefined
  }

  #dispatch (): SseMessage | undefined {
    const message = this.#data.length === 0
      ? undefined
      : { event: this.#event === '' ? 'message' : this.#event, data: this.#data.join('\n'), ...(this.#id == null ? {} : { id: this.#id }) }

    this.#event = ''
    this.#data = []
    this.#id = undefined

    return message
  }
}
