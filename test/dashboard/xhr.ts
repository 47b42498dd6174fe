import { Agent, request, type ClientRequest } from 'node:http'

/** So much at a time, and how far it is is told after each. */
const STEP = 64 * 1024

const agent = new Agent()

/** What the page uses of the browser's class of this name, over real connections. */
export class Xhr {
  /** Waited for before each part of a body is sent; given the bytes of all bodies so far. */
  static pace: (sent: number) => Promise<void> | void = () => {}
  static #sent = 0

  status = 0
  responseText = ''
  onload = (): void => {}
  onerror = (): void => {}
  readonly upload = { onprogress: (_: { loaded: number }): void => {} }
  #request!: ClientRequest
  #headers: Record<string, string | string[] | undefined> = {}

  static reset (): void {
    Xhr.#sent = 0
    Xhr.pace = () => {}
  }

  open (method: string, url: string): void {
    this.#request = request(url, { method, agent })
  }

  setRequestHeader (name: string, value: string): void {
    this.#request.setHeader(name, value)
  }

  getResponseHeader (name: string): string | null {
    return this.#headers[name] as string | undefined ?? null
  }

  abort (): void {
    this.onload = this.onerror = this.upload.onprogress = () => {}
    this.#request.destroy()
  }

  send (body: ArrayBuffer): void {
    const fail = (): void => { this.onerror() }

    this.#request.setHeader('content-length', body.byteLength)
    this.#request.on('error', fail)
    this.#request.on('response', response => {
      this.status = response.statusCode!
      this.#headers = response.headers
      response.setEncoding('utf8')
      response.on('error', fail)
      response.on('data', text => { this.responseText += text })
      response.on('end', () => { this.onload() })
    })
    void this.#write(new Uint8Array(body))
  }

  async #write (body: Uint8Array): Promise<void> {
    for (let at = 0; at < body.byteLength; at += STEP) {
      const piece = body.subarray(at, at + STEP)

      await Xhr.pace(Xhr.#sent)

      if (this.#request.destroyed || await new Promise(resolve => { this.#request.write(piece, resolve) }) != null) {
        return
      }

      Xhr.#sent += piece.byteLength
      this.upload.onprogress({ loaded: at + piece.byteLength })
    }

    this.#request.end()
  }
}
