import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** A program that answers every line with a line. */
export class LineProcess {
  #child
  #lines
  #ended
  #name

  constructor (program, args, options) {
    this.#name = program
    this.#child = spawn(program, args, { ...options, stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
    this.#ended = once(this.#child, 'exit')
    // one that has ended is noticed by what it does not answer
    this.#child.stdin.on('error', () => {})
  }

  async answer () {
    const { value, done } = await this.#lines.next()

    if (done) {
      throw new Error(`${this.#name} ended before it answered`)
    }

    return value
  }

  async ask (line) {
    this.#child.stdin.write(`${line}\n`)

    return this.answer()
  }

  async stop () {
    this.#child.stdin.end('\n')
    await this.#ended
  }
}
