/** An interpreter or compiler that a worker's programs may find. */
interface Tool {
  /** Programs that are it, the preferred one first. */
  programs: string[]
  /** Arguments that make it say its version. @default --version */
  ask?: string[]
}

/** By the name that `--where` knows it by. */
export const TOOLS: Readonly<Record<string, Tool>> = {
  python: { programs: ['python3', 'python'] },
  node: { programs: ['node'] },
  deno: { programs: ['deno'] },
  bun: { programs: ['bun'] },
  bash: { programs: ['bash'] },
  perl: { programs: ['perl'], ask: ['-e', 'printf "%vd", $^V'] },
  ruby: { programs: ['ruby'] },
  php: { programs: ['php'] },
  lua: { programs: ['lua', 'lua5.4', 'lua5.3'], ask: ['-v'] },
  r: { programs: ['Rscript'] },
  julia: { programs: ['julia'] },
  java: { programs: ['java'], ask: ['-version'] },
  go: { programs: ['go'], ask: ['version'] },
  rustc: { programs: ['rustc'] },
  cargo: { programs: ['cargo'] },
  cc: { programs: ['cc'] },
  gcc: { programs: ['gcc'] },
  'g++': { programs: ['g++'] },
  clang: { programs: ['clang'] },
  tcc: { programs: ['tcc'], ask: ['-v'] },
  gfortran: { programs: ['gfortran'] },
  ghc: { programs: ['ghc'] },
  zig: { programs: ['zig'], ask: ['version'] },
  make: { programs: ['make'] },
  cmake: { programs: ['cmake'] }
}

export const TOOL_NAMES = Object.keys(TOOLS)

/** What people type for them. */
const ALIASES: Readonly<Record<string, string>> = { python3: 'python', nodejs: 'node', rust: 'rustc', golang: 'go', lua5: 'lua', rscript: 'r' }

/** The name of the tool that is meant, if one is. */
export function toolNamed (word: string): string | undefined {
  const name = word.toLowerCase()
  const tool = Object.hasOwn(ALIASES, name) ? ALIASES[name]! : name

  return Object.hasOwn(TOOLS, tool) ? tool : undefined
}

/**
 * The version in what a tool says of itself: `gcc (Debian 12.2.0-14) 12.2.0` is
 * 12.2.0, `go version go1.19.8 linux/amd64` is 1.19.8. Undefined when there is
 * none.
 */
export function versionIn (text: string): string | undefined {
  const plain = text.slice(0, 4_096).replace(/\([^()]*\)/g, ' ')

  return /(?<![\w.])(?:go|v)?(\d{1,9}(?:\.\d{1,9})+[\w.+~-]{0,40})/.exec(plain)?.[1] ?? /(?<![\w.])v?(\d{1,9})(?![\w.])/.exec(plain)?.[1]
}
