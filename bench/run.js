#!/usr/bin/env node
/**
 * Runs the benches in this folder; each says at its top what it asks.
 *
 *   npm run bench                     all, one after the other: hours
 *   npm run bench -- --quick          the same with few rounds, so that intervals are wide
 *   npm run bench -- NAME [--quick] [options]
 *   npm run bench -- --help           lists them; NAME --help tells all of one
 *
 * All of them together end with one table of every ratio that they have found,
 * which is also written as JSON, with the machine and its load. They exit with
 * 1 when a bound is not kept.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fail } from '../scripts/lib/process.js'
import { setup } from '../scripts/setup.js'
import { benchAll } from './lib/all.js'

const FOLDER = import.meta.dirname
const names = readdirSync(FOLDER).filter(file => file.endsWith('.js') && file !== 'run.js').map(file => file.slice(0, -3))
const words = process.argv.slice(2)
const all = words.every(word => word === '--quick')
const [name, ...args] = all ? [undefined, ...words] : words

if (name === '--help' || name === '-h') {
  process.stdout.write(overview())
  process.exit()
}

if (name != null && !names.includes(name)) {
  fail(`bench: there is no '${name}': ${names.join(', ')}, as in npm run bench -- ${names[0]}`)
}

if (args.includes('--help') || args.includes('-h')) {
  process.stdout.write(`${aboutOf(name)}\n`)
  process.exit()
}

// A build that is named is used as it is.
if (process.env.MESHMARK_MAIN == null || !existsSync(process.env.MESHMARK_MAIN)) {
  await setup()
}

const { bench, QUICK = ['--quick'] } = all ? { bench: async (options, signal) => benchAll(names, options, signal) } : await import(join(FOLDER, `${name}.js`))

const interruption = new AbortController()

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => { interruption.abort(new Error('interrupted')) })
}

try {
  // what is said beside it counts more
  await bench(args[0] === '--quick' ? [...QUICK, ...args.slice(1)] : args, interruption.signal)
} catch (err) {
  fail(`bench: ${interruption.signal.aborted ? 'interrupted' : err.message}`)
}

function overview () {
  const width = Math.max(...names.map(name => name.length)) + 2
  const lines = names.map(name => `  ${name.padEnd(width)}${questionOf(name)}`)

  return `Usage: npm run bench [-- NAME [options]]\n\n${lines.join('\n')}\n\nWithout NAME all run, one after the other. --quick, first of the options: fewer rounds, wider intervals. NAME --help tells more. Exit status 1: a bound is not kept.\n`
}

/** The comment at the top of a bench. */
function aboutOf (name) {
  const [, comment = ''] = /^\/\*\*\n([^]*?)\n \*\//.exec(readFileSync(join(FOLDER, `${name}.js`), 'utf8')) ?? []

  return comment.replace(/^ \* ?/gm, '')
}

/** Its first sentence. */
function questionOf (name) {
  return aboutOf(name).split('\n\n')[0].replace(/\s+/g, ' ').replace(/([.?]) .*/, '$1')
}
