import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { ROOT, say } from '../../scripts/lib/process.js'

/** What a figure is worth nothing without. */
export function machine () {
  return {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    virtual: /\bhypervisor\b/.test(readOr('/proc/cpuinfo', '')),
    clocksource: readOr('/sys/devices/system/clocksource/clocksource0/current_clocksource', 'unknown').trim(),
    node: process.version
  }
}

/** Of the last minute, of everything on the machine, this bench included. */
export function load () {
  return Math.round(loadavg()[0] * 100) / 100
}

/** Into bench/results/, which git does not keep. */
export function save (name, result) {
  const folder = join(ROOT, 'bench/results')
  const file = join(folder, `${name}-${new Date().toISOString().replace(/[:.]/g, '')}.json`)

  mkdirSync(folder, { recursive: true })
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
  say(`bench: every number is in ${file}`)
}

/** Columns as wide as they must be; the first is text, the others are numbers. */
export function table (rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map(row => row[column].length)))

  return rows.map(row => row.map((cell, column) => column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])).join('  ').trimEnd()).join('\n')
}

function readOr (path, otherwise) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return otherwise
  }
}
