import { ARGS_FD, BLOCK_FD, DATA_FD, INFO_FD } from './box-plan.ts'
import { CONTROL_FD } from './layout.ts'
import type { BoxPlan } from './box-plan.ts'
import type { BuildCommand } from './box-types.ts'
import type { AssemblerOrders } from './assembler-orders.ts'

export interface UnshareTools {
  /** Of util-linux. */
  unshare: string
  setpriv: string
  /** The bundled assembler and koffi's native file. */
  assembler: Buffer
  koffi: Buffer
  /** A Node that the worker's user can start. */
  node: string
}

/** Data before the files of the plan: the assembler itself, and koffi for it. */
const ASSEMBLER_FD = DATA_FD
const KOFFI_FD = DATA_FD + 1
const FILES_FD = DATA_FD + 2

/**
 * A box by util-linux: unshare makes the namespaces, and a helper of ours in
 * Node makes the mounts and then becomes the runner. It comes by descriptor, as
 * the worker's user may not be able to read it where it is.
 *
 * @param blocked - wait for BLOCK_FD, since somebody else writes the map of uids
 * @param passed - how many descriptors follow those that are given here, for the runner
 */
export function unshareCommand (tools: UnshareTools, plan: BoxPlan, blocked: boolean, passed: number): BuildCommand {
  const give: BuildCommand['give'] = [{ fd: ASSEMBLER_FD, content: tools.assembler }, { fd: KOFFI_FD, content: tools.koffi }]
  const steps = plan.steps.map((step): AssemblerOrders['steps'][number] => {
    if (step.do !== 'file') {
      return step
    }

    give.push({ fd: FILES_FD + give.length - 2, content: step.content })
    return { do: 'file', fd: FILES_FD + give.length - 3, at: step.at, mode: step.mode }
  })
  const first = DATA_FD + give.length
  // Only root can mount /dev/pts; who then shall be somebody else needs a namespace for it, which gets its map through /proc.
  const nested = plan.uid !== 0 && plan.steps.some(step => step.do === 'proc')
  const map = plan.uid === 0 || nested ? ['--map-root-user'] : [`--map-user=${plan.uid}`, `--map-group=${plan.uid}`]
  const orders: AssemblerOrders = {
    ...plan,
    steps,
    nested,
    unshare: tools.unshare,
    setpriv: tools.setpriv,
    ...(blocked ? { blockFd: BLOCK_FD } : {}),
    infoFd: INFO_FD,
    koffiFd: KOFFI_FD,
    keptFds: [CONTROL_FD, ...Array.from({ length: passed }, (_, index) => first + index)]
  }

  return {
    path: tools.setpriv,
    args: [
      '--pdeathsig', 'KILL', '--', tools.unshare,
      '--user', ...(blocked ? [] : map), '--keep-caps',
      '--pid', '--fork', '--kill-child=KILL', '--net', '--ipc', '--uts', '--mount', '--cgroup', '--propagation', 'private', '--',
      tools.node, '--v8-pool-size=0', '--no-warnings', '--preserve-symlinks-main', `/proc/self/fd/${ASSEMBLER_FD}`, String(ARGS_FD)
    ],
    give: [{ fd: ARGS_FD, content: Buffer.from(JSON.stringify(orders)) }, ...give]
  }
}
