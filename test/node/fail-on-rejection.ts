import { afterAll, expect } from 'vitest'
import '../../src/node/polyfill.ts'

const rejections: unknown[] = []
const onRejection = (reason: unknown): void => { rejections.push(reason) }

process.on('unhandledRejection', onRejection)

/** Imported by every test file that moves messages: a rejection that nobody handles fails the file. */
afterAll(async () => {
  // rejections are reported after the microtasks of the turn in which they happened
  await new Promise(resolve => setImmediate(resolve))
  process.off('unhandledRejection', onRejection)
  expect(rejections).toEqual([])
})
