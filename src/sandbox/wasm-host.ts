/**
 * Runs a WebAssembly module in a box, as the program that it is there: its own
 * entry point, started by the worker's Node in place of an interpreter.
 *
 *   node --no-warnings wasm-host.cjs ./MODULE.wasm ARG…
 *
 * It sees its arguments, its environment, the standard streams and the working
 * folder (as `.` and as `/`), and nothing else. The box is the wall; this is
 * only how the module looks out of it.
 */
import { readFileSync, writeSync } from 'node:fs'
import { WASI } from 'node:wasi'

/** As other hosts have it for a module that traps: what abort() ends a program with. */
const TRAPPED = 134

/** As a shell has it for what is there and cannot be executed. */
const NOT_EXECUTABLE = 126

/** Names of the system interface in modules, and Node's word for each. */
const VERSIONS: Readonly<Record<string, 'preview1' | 'unstable'>> = { wasi_snapshot_preview1: 'preview1', wasi_unstable: 'unstable' }

/** A component says this where a module has its version. */
const COMPONENT_LAYER = 1

const [path = '', ...args] = process.argv.slice(2)
const title = (path.split('/').at(-1) ?? path).replace(/[^\x20-\x7e]/g, '?')

function fail (message: string, code: number): never {
  writeSync(2, `meshmark: ${title} ${message}\n`)
  process.exit(code)
}

function load (): WebAssembly.Module {
  const bytes = readFileSync(path)

  if (bytes.length >= 8 && bytes.readUInt16LE(6) === COMPONENT_LAYER) {
    fail('is a WebAssembly component, and modules are run here: build it for wasm32-wasip1', NOT_EXECUTABLE)
  }

  try {
    return new WebAssembly.Module(bytes)
  } catch (err) {
    return fail(`is no WebAssembly module that this Node can run: ${oneLine(err)}`, NOT_EXECUTABLE)
  }
}

function instantiate (module: WebAssembly.Module): { wasi: WASI, instance: WebAssembly.Instance } {
  const wanted = WebAssembly.Module.imports(module)
  const exported = WebAssembly.Module.exports(module)
  const foreign = wanted.find(({ module }) => !Object.hasOwn(VERSIONS, module))

  if (foreign != null) {
    fail(`needs ${foreign.module}.${foreign.name}, which only its own host has: build it for wasm32-wasip1`, NOT_EXECUTABLE)
  }

  for (const [name, kind] of [['_start', 'function'], ['memory', 'memory']]) {
    if (!exported.some(entry => entry.name === name && entry.kind === kind)) {
      fail(`exports no ${name}: build it as a program, not as a library`, NOT_EXECUTABLE)
    }
  }

  const name = wanted[0]?.module ?? 'wasi_snapshot_preview1'
  const wasi = new WASI({ version: VERSIONS[name] ?? 'preview1', args: [path, ...args], env: process.env, preopens: { '.': process.cwd(), '/': process.cwd() }, returnOnExit: true })

  try {
    return { wasi, instance: new WebAssembly.Instance(module, { [name]: wasi.wasiImport }) }
  } catch (err) {
    return fail(`cannot be started: ${oneLine(err)}`, NOT_EXECUTABLE)
  }
}

function oneLine (err: unknown): string {
  return (err instanceof Error ? err.message : String(err)).replace(/[^\x20-\x7e]+/g, ' ').slice(0, 300)
}

const { wasi, instance } = instantiate(load())

try {
  process.exit(wasi.start(instance) & 0xff)
} catch (err) {
  fail(`trapped: ${err instanceof RangeError ? 'its call stack is used up' : oneLine(err)}`, TRAPPED)
}
