/** What the worker's outbox needs of a journal, without a disk: the records of a process that is not to outlive anything. */
export class MemoryJournal {
  #records = new Map()

  async put (key, value) {
    this.#records.set(key, value)
  }

  async del (key) {
    this.#records.delete(key)
  }

  async batch (operations) {
    for (const { type, key, value } of operations) {
      await (type === 'put' ? this.put(key, value) : this.del(key))
    }
  }

  async get (key) {
    return this.#records.get(key)
  }

  async * iterate (prefix) {
    for (const [key, value] of [...this.#records].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => a < b ? -1 : 1)) {
      yield { key, value }
    }
  }
}
