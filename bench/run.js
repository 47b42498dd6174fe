#!/usr/bin/env node
/**
 * Runs one of the benches in this folder; each says at its top what it asks.
 *
 *   npm run bench -- NAME [options]
 *
 * failover: beside etcd. measure, overhead: beside hyperfine, the whole way. sandbox: a box beside a
 * bare loop of posix_spawn. verdicts: false alarms and what is found. answers:
 * bills of what is known beforehand. coverage: how often intervals hold the
 * truth. They exit with 1 when a bound is not kept.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fail } from '../scripts/lib/process.js'
import { setup } from '../scripts/setup.js'

const FOLDER = import.meta.dirname
const names = readdirSync(FOLDER).filter(file => file.endsWith('.js') && file !== 'run.js').map(file => file.slice(0, -3))
const [name, ...args] = process.argv.slice(2)

if (name == null || !names.includes(name)) {
  fail(`bench: ${name == null ? 'name one' : `there is no '${name}'`}: ${names.join(', ')}, as in npm run bench -- ${names[0]}`)
}

// A build that is named is used as it is.
if (process.env.MESHMARK_MAIN == null || !existsSync(process.env.MESHMARK_MAIN)) {
  await setup()
}

const { bench } = await import(join(FOLDER, `${name}.js`))

const interruption = new AbortController()

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => { interruption.abort(new Error('interrupted')) })
}

try {
  await bench(args, interruption.signal)
} catch (err) {
  fail(`bench: ${interruption.signal.aborted ? 'interrupted' : err.message}`)
}
