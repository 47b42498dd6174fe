import { Option } from 'commander'

/** An option that may be given several times; its value is a list. */
export class ListOption extends Option {
  /** @param split makes several entries of one word, as in `--master A,B` */
  constructor (flags: string, description: string, split: (word: string) => string[] = word => [word]) {
    super(flags, description)
    this.argParser<string[]>((word, previous) => [...(previous ?? []), ...split(word)])
  }
}

/** For words that cannot hold a comma themselves. */
export function splitCommas (word: string): string[] {
  return word.split(',').map(part => part.trim()).filter(part => part !== '')
}
