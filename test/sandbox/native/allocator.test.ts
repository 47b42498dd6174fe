import { expect, it } from 'vitest'
import { keepFreedMemory } from '../../../src/sandbox/native/allocator.ts'

/** Filled in by Node.js when it was built against glibc. */
const isGlibc = (process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }).header.glibcVersionRuntime != null

it.runIf(isGlibc)('freed memory is kept where the C library is glibc', () => {
  expect(keepFreedMemory()).toBe(true)
})
