import type { Command } from 'commander'
import { parseCount, parseDuration, parseSize } from '../model/units.ts'
import type { Context } from './common/context.ts'
import { addHttpOptions } from './options/http.ts'
import { ListOption, splitCommas } from './common/list-option.ts'
import { addExamples } from './common/options.ts'
import { serveAsMaster, type MasterSettings } from './serve/serve-master.ts'

export function define (command: Command, context: Context): void {
  command
    .addOption(new ListOption('--listen <addr>', 'where it can be reached, HOST[:PORT] or a multiaddr; port 0 takes a free one (repeatable; default: every address)', splitCommas))
    .option('--port <n>', 'the port on every address (default: 4747)', text => parseCount(text, '--port', 0, 65_535))
    .option('--name <name>', 'what others see (default: the name of this machine)')
    .option('--data <dir>', 'where it keeps its mesh, jobs and payloads')
    .option('--payload-store <size>', 'payloads kept, the least recently used go first (default: 20G)', text => parseSize(text, '--payload-store'))
    .option('--retain <duration>', 'finished jobs are kept for so long, e.g. 30d (default: for ever)', text => parseDuration(text, '--retain'))
    .option('--retain-size <size>', 'output and results of finished jobs kept, the oldest go first (default: no limit)', text => parseSize(text, '--retain-size'))
    .option('--no-mdns', 'do not let itself be found on the local network, nor look for other masters there')
    .addOption(new ListOption('--peer <addr>', 'another master of the mesh, HOST[:PORT] or a multiaddr (repeatable); beside a master of yours, or as an administrator, this is enough to be one more', splitCommas))
    .option('--token <token@host>', 'a master token of an existing mesh, to be one more master of it')
    .option('-q, --quiet', 'no notes')
  addHttpOptions(command)
  addExamples(command, [
    ['meshmark master', 'creates a mesh the first time, takes it up again afterwards'],
    ['meshmark master --token TOKEN@10.0.0.5', 'one more master: meshmark token create master prints the token'],
    ['meshmark master --peer 127.0.0.1 --port 4748', 'one more on the same machine'],
    ['meshmark master --http', 'JSON over HTTP at 127.0.0.1:4748 too; meshmark token create client --http makes a token for it'],
    ['meshmark master --listen 127.0.0.1:4800 --no-mdns', 'for this machine alone']
  ], `
Whoever runs a master holds the key of the mesh and is trusted with everything in it.
Workers and clients of the same user on this machine join without typing anything.
With several masters, one coordinates and the others take over when it is gone; once joined, meshmark master is enough.
Old jobs are removed on every master as the coordinator's --retain and --retain-size say: give all of them the same.
Unfinished jobs always stay.
SIGTERM or Ctrl-C stops it in order; jobs and results are there again at the next start.`)

  command.action(async (options: MasterSettings) => {
    await serveAsMaster(options, context)
  })
}
