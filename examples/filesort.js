#!/usr/bin/env node
// Writes N megabytes of pseudo-random numbers to a file, reads them back, sorts
// them in memory, writes them to a second file, and prints a checksum of what
// that file holds: files and memory, and the answer is known.
import { readFileSync, writeFileSync } from 'node:fs'

const megabytes = Number(process.argv[2] ?? 16)
const numbers = new Uint32Array(megabytes * 1024 * 1024 / 4)
let state = 1

for (let i = 0; i < numbers.length; i++) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  numbers[i] = state
}

const read = path => {
  const bytes = readFileSync(path)

  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
}

writeFileSync('unsorted.bin', numbers)
writeFileSync('sorted.bin', read('unsorted.bin').sort())

let sum = 0

for (const number of read('sorted.bin')) {
  sum = (Math.imul(sum, 31) + number) >>> 0
}

console.log(`${megabytes} MB sorted, checksum ${sum.toString(16).padStart(8, '0')}`)
