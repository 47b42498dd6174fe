/** What is kept of what a function printed, for an error. */
const KEPT = 4 * 1024

/** What one call printed: told as it comes, its end kept. */
export class Printed {
  readonly #decoder = new TextDecoder()
  readonly #tell?: (text: string) => void
  #end = ''

  constructor (tell?: (text: string) => void) {
    this.#tell = tell
  }

  get end (): string {
    return this.#end
  }

  add (data: Uint8Array): void {
    this.#take(this.#decoder.decode(data, { stream: true }))
  }

  finish (): void {
    this.#take(this.#decoder.decode())
  }

  #take (text: string): void {
    this.#end = (this.#end + text).slice(-KEPT)

    if (text !== '') {
      this.#tell?.(text)
    }
  }
}
