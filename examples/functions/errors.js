import { readFileSync } from 'node:fs'
import { distribute } from 'meshmark'

const factor = 3
const attempts = {
  throws: () => distribute(async function parse (text) { return JSON.parse(text) })('{"a":'),
  'never returns': () => distribute(() => { for (;;); }, { timeout: '500ms' })(),
  'returns 100 MB': () => distribute(() => Buffer.alloc(100e6))(),
  'reads a file of the worker': () => distribute(async () => (await import('node:fs')).readFileSync('/etc/shadow', 'utf8'))(),
  'uses a variable from outside': () => distribute(x => x * factor)(2),
  'uses an import from outside': () => distribute(path => readFileSync(path))('a.txt'),
  'is aborted': () => distribute(async () => new Promise(resolve => setTimeout(resolve, 60_000)), { signal: AbortSignal.timeout(1_500) })()
}

for (const [what, attempt] of Object.entries(attempts)) {
  try {
    await attempt()
    console.log(`${what}: it ended well`)
  } catch (err) {
    console.log(`${what}: ${err.name}: ${err.message}${err.remote == null ? '' : ` (thrown on ${err.remote.worker})`}`)
  }
}
