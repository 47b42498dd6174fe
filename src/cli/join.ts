import type { Command } from 'commander'
import { text as readText } from 'node:stream/consumers'
import { MeshmarkError } from '../model/errors.ts'
import type { Context } from './context.ts'
import { useDataDirectory } from './data-directory.ts'
import { addExamples } from './options.ts'
import { typed } from './program-name.ts'

const NEXT: Record<string, string> = {
  worker: 'meshmark worker',
  client: 'meshmark run ./program ARG',
  admin: 'meshmark nodes',
  master: 'meshmark master'
}

export function define (command: Command, context: Context): void {
  command.argument('<token@host>', 'as a master printed it; - reads it from standard input')
    .option('--data <dir>', 'where the membership is kept')
    .option('-q, --quiet', 'no notes')
  addExamples(command, [
    ['meshmark join TOKEN@10.0.0.5', 'the line that meshmark master or meshmark token create prints'],
    ['meshmark join - < token.txt', 'so that it is not in the history of the shell']
  ], 'The token carries the identity of the mesh: its secret is said only to a master that proves it.')

  command.action(async (words: string, options: { data?: string }) => {
    const text = words === '-' ? (await readText(context.stdin)).trim() : words

    if (text === '') {
      throw new MeshmarkError('usage', 'no token: standard input was empty')
    }

    useDataDirectory(options.data)

    const { parseTokenAtHost } = await import('../node/token.ts')
    const { joinMesh } = await import('../roles/client/join.ts')
    const { token, address } = parseTokenAtHost(text)

    await joinMesh({ token, address, role: token.role })
    context.stdout.write(`joined mesh ${token.meshId.slice(-8)} as a ${token.role}. Next: ${typed(NEXT[token.role] ?? 'meshmark nodes')}\n`)
  })
}
