#!/usr/bin/env node
import './node/polyfill.ts'
import { overview } from './cli/overview.ts'
import { readWords } from './cli/words.ts'
import { VERSION } from './node/version.ts'

const request = readWords(process.argv.slice(2))

// Whoever reads our output may have seen enough, as `head` does.
process.stdout.on('error', err => {
  if ((err as NodeJS.ErrnoException).code === 'EPIPE') {
    process.exit(141)
  }

  throw err
})

if (request.kind === 'version') {
  process.stdout.write(`meshmark ${VERSION}\n`)
} else if (request.kind === 'overview' && request.wanted) {
  process.stdout.write(overview())
} else {
  const { perform } = await import('./cli/perform.ts')

  process.exitCode = await perform(request)

  // A connection that does not close must not keep a finished command from ending.
  setTimeout(() => process.exit(), 2_000).unref()
}
