import { MAX_LISTED, MAX_LISTED_ADDRESSES } from '../../node/protocol/register/index.ts'
import type { Replica } from './replica/replica.ts'
import type { ListedMaster } from '../../node/protocol/register/messages.ts'

const PREFIX = 'master/'
const MAX_ADDRESS = 512
const MAX_NAME = 256

export interface ListedMastersOptions {
  replica: Pick<Replica, 'iterate' | 'onChange'>
  /** Something is different now. */
  onChange: () => void
}

/** All masters of the mesh as its facts name them, for workers: removed ones with their mark, so that nobody takes them up again. */
export class ListedMasters {
  readonly #options: ListedMastersOptions
  readonly #masters = new Map<string, ListedMaster>()

  constructor (options: ListedMastersOptions) {
    this.#options = options
  }

  /** Reads what is known, and follows it from then on. */
  async load (): Promise<void> {
    const { replica, onChange } = this.#options

    replica.onChange(changes => {
      if (changes.map(({ key, value }) => this.#take(key, value)).includes(true)) {
        onChange()
      }
    })

    for await (const { key, value } of replica.iterate(PREFIX)) {
      this.#take(key, value)
    }
  }

  /** Those that are masters first. */
  all (): ListedMaster[] {
    return [...this.#masters.values()].sort((a, b) => Number(a.removed ?? false) - Number(b.removed ?? false)).slice(0, MAX_LISTED)
  }

  #take (key: string, value: Uint8Array): boolean {
    const master = key.startsWith(PREFIX) ? listedFrom(key.slice(PREFIX.length), value) : undefined

    if (master == null) {
      return false
    }

    this.#masters.set(master.peerId, master)

    return true
  }
}

/** Undefined for what no worker could take: one such record must not keep the others from it. */
export function listedFrom (peerId: string, value: Uint8Array): ListedMaster | undefined {
  try {
    const { name, addresses, atMs, removed } = JSON.parse(Buffer.from(value).toString())

    if (!/^[1-9A-HJ-NP-Za-km-z]{40,64}$/.test(peerId) || typeof name !== 'string' || !Number.isFinite(atMs) || !Array.isArray(addresses)) {
      return undefined
    }

    return {
      peerId,
      name: name.replaceAll(/\p{Cc}/gu, '').slice(0, MAX_NAME),
      addresses: addresses.filter(address => typeof address === 'string' && address.length <= MAX_ADDRESS).slice(0, MAX_LISTED_ADDRESSES),
      atMs: Math.min(Math.max(0, Math.round(atMs)), Number.MAX_SAFE_INTEGER),
      ...(removed === true ? { removed } : {})
    }
  } catch {
    return undefined
  }
}
