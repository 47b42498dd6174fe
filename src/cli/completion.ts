import { Argument, type Command } from 'commander'
import { shortJobId } from '../model/ids.ts'
import { completedCommands } from './completion-model.ts'
import { bashScript, fishScript, zshScript } from './completion-scripts.ts'
import type { Context } from './common/context.ts'
import { addExamples } from './common/options.ts'

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript }

/** Somebody waits for the cursor to move on. */
const NAMES_TIMEOUT_MS = 1_000

export function define (command: Command, context: Context): void {
  addExamples(command, [
    ['eval "$(meshmark completion bash)"', 'in ~/.bashrc'],
    ['eval "$(meshmark completion zsh)"', 'in ~/.zshrc, after compinit'],
    ['meshmark completion fish | source', 'in ~/.config/fish/config.fish']
  ])

  for (const [shell, script] of Object.entries(SCRIPTS)) {
    command.command(shell).description(`Print the script for ${shell}.`).action(async () => {
      context.stdout.write(script(await completedCommands(context)))
    })
  }

  command.command('names', { hidden: true }).description('Print names that only the mesh or the data directory knows; nothing when there is none.')
    .addArgument(new Argument('<kind>').choices(['jobs', 'workers', 'baselines']))
    .action(async (kind: 'jobs' | 'workers' | 'baselines') => {
      const names = await (kind === 'baselines' ? baselineNames() : askMesh(kind)).catch(() => [])

      context.stdout.write(names.map(name => `${name}\n`).join(''))
    })
}

async function baselineNames (): Promise<string[]> {
  const { listBaselines } = await import('./baselines/baselines.ts')

  return (await listBaselines()).map(({ name }) => name)
}

async function askMesh (kind: 'jobs' | 'workers'): Promise<string[]> {
  const { connectClient } = await import('../roles/client/connect.ts')
  const client = await connectClient({ mdns: false, timeoutMs: NAMES_TIMEOUT_MS, signal: AbortSignal.timeout(NAMES_TIMEOUT_MS) })

  try {
    return kind === 'workers'
      ? (await client.nodes()).filter(({ role }) => role === 'worker').map(({ name }) => name)
      : ['@last', ...(await client.jobs(20)).flatMap(({ id, name }) => name == null ? [shortJobId(id)] : [shortJobId(id), name])]
  } finally {
    await client.close()
  }
}
