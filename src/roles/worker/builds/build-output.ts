import { printable } from '../../../model/text.ts'

/** What is kept of both streams together: the end says what went wrong. */
const KEPT_BYTES = 64 * 1024

/** The end of what a build printed. */
export class BuildOutput {
  #pieces: Uint8Array[] = []
  #bytes = 0
  #isCut = false

  append (data: Uint8Array): void {
    this.#pieces.push(data)
    this.#bytes += data.byteLength

    for (let first = this.#pieces[0]; first != null && this.#bytes - first.byteLength >= KEPT_BYTES; first = this.#pieces[0]) {
      this.#pieces.shift()
      this.#bytes -= first.byteLength
      this.#isCut = true
    }
  }

  /** As it came, from the first whole line that was kept. */
  get bytes (): Uint8Array {
    const all = Buffer.concat(this.#pieces)

    return this.#isCut ? Buffer.concat([Buffer.from('[…]\n'), all.subarray(all.indexOf('\n') + 1)]) : all
  }

  /** One line for people: the first that speaks of an error, else the last one. */
  get gist (): string | undefined {
    const lines = Buffer.from(this.bytes).toString('utf8').split(/[\r\n]+/).map(line => line.trim()).filter(line => /\w/.test(line))

    return printable(lines.find(line => /\berror\b|\berror[:[]|not found|undefined reference|cannot find/i.test(line)) ?? lines.at(-1) ?? '', 300) || undefined
  }
}
