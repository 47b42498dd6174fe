/** Where things are inside a box. */
export const BOX = {
  runner: '/box/runner.cjs',
  koffi: '/box/koffi.node',
  /** Runs WebAssembly modules. */
  wasmHost: '/box/wasm-host.cjs',
  /** The worker's Node when it is not below /usr. */
  node: '/box/bin/node',
  /** Where the folder for the outputs of measured runs is mounted for a moment; no path leads to it afterwards. */
  outputs: '/box/out',
  /** What setups left, read-only for programs. */
  template: '/box/template',
  /** The working copy, and the folder in which programs start. */
  work: '/work',
  /** Where data sets are, read-only; `data` in the working copy leads there. */
  data: '/data',
  tmp: '/tmp',
  shm: '/dev/shm'
} as const

/** For whoever says what is seen there. */
export const BOX_DATA = BOX.data

/** Everything that a program can write to; fresh in each run. */
export const WRITABLE = [BOX.work, BOX.tmp, BOX.shm] as const

/** stdout and stderr of one run; a job's limit beyond it is refused. */
export const MAX_OUTPUT_BYTES = 256 * 1024 * 1024

/** Descriptor of the control socket in bwrap and in the runner. */
export const CONTROL_FD = 3

/** The program's user inside the box; nobody's number outside. */
export const BOX_UID = 1000

/** Its name. */
export const BOX_USER = 'box'

/** The runner's, where it is another. */
export const RUNNER_UID = 0

const PATH = '/usr/local/bin:/usr/bin:/bin'

/** PATH inside the box; the worker's Node comes last, so that an installed one wins. */
export function boxPath (nodePath: string): string {
  return nodePath === BOX.node ? `${PATH}:/box/bin` : PATH
}
