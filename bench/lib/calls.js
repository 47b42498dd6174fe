import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** A forked script that answers `{ id, method, params }` with `{ id, result }` or `{ id, error }`, and ends when it is disconnected. */
export class CalledProcess {
  #child
  #ended
  #calls = 0

  constructor (path, options) {
    this.#child = fork(path, options)
    this.#ended = once(this.#child, 'exit')
    this.#child.setMaxListeners(0)
  }

  async call (method, params = {}) {
    const id = this.#calls++
    const answered = new Promise(resolve => {
      const onMessage = message => {
        if (message.id === id) {
          this.#child.off('message', onMessage)
          resolve(message)
        }
      }

      this.#child.on('message', onMessage)
    })

    this.#child.send({ id, method, params })

    const { result, error } = await Promise.race([
      answered,
      this.#ended.then(([code, signal]) => { throw new Error(`a process of the bench ended with ${code ?? signal}`) })
    ])

    if (error != null) {
      throw new Error(error)
    }

    return result
  }

  async stop () {
    if (this.#child.connected) {
      this.#child.disconnect()
    }

    await this.#ended
  }
}

/** The process that makes boxes. */
export function boxHost () {
  return new CalledProcess(join(import.meta.dirname, 'box-host.js'))
}
