import type { Command } from 'commander'
import { ListOption, splitCommas } from '../common/list-option.ts'

/** How a master answers over HTTP. */
export interface HttpSettings {
  /** True = at the usual address. */
  http?: string | boolean
  httpOrigin?: string[]
  httpHost?: string[]
  httpInsecure?: boolean
}

export function addHttpOptions (command: Command): Command {
  return command
    .option('--http [addr:port]', 'answer over HTTP as well, with tokens of token create client --http: --http, at 127.0.0.1:4748, or --http=ADDR:PORT')
    .addOption(new ListOption('--http-origin <origin>', 'let pages of this origin ask over HTTP: https://lab.example (repeatable)', splitCommas))
    .addOption(new ListOption('--http-host <name>', 'a name under which a tunnel or proxy passes requests on (repeatable)', splitCommas))
    .option('--http-insecure', 'let it listen where other machines reach it unencrypted')
}
