import { defineConfig } from 'vitest/config'

/** Real processes, each mesh with folders, ports and locks of its own. */
const REAL = ['test/e2e/**/*.test.ts']

/** What looks at the whole machine, measures on it, or uses it up wants it alone. */
const ALONE = ['test/hostile/**/*.test.ts', ...['baseline', 'bound', 'compare', 'floor', 'honest', 'measuring', 'payload', 'quiet'].map(name => `test/e2e/${name}.test.ts`)]

/** Import each other's tests, change the environment for them, or put something else in the place of a module. */
const APART = ['test/sandbox/**/*.test.ts', 'test/dashboard/submit.test.ts']

/** Many minutes, with networks that are broken on purpose: npm run test:faults. */
const FAULTS = ['test/faults/**/*.test.ts']

export default defineConfig({
  test: {
    pool: 'forks',
    projects: [
      {
        extends: true,
        // files that share a process share what they have imported, which costs half a second each
        test: { name: 'unit', maxWorkers: 3, isolate: false, include: ['test/**/*.test.ts'], exclude: [...REAL, ...ALONE, ...FAULTS, ...APART], testTimeout: 20_000 }
      },
      {
        extends: true,
        test: { name: 'apart', maxWorkers: 3, include: APART, testTimeout: 20_000 }
      },
      {
        extends: true,
        test: { name: 'e2e', maxWorkers: 3, include: REAL, exclude: ALONE, testTimeout: 120_000, hookTimeout: 120_000 }
      },
      {
        extends: true,
        test: { name: 'alone', include: ALONE, fileParallelism: false, testTimeout: 120_000, hookTimeout: 120_000 }
      },
      {
        extends: true,
        test: { name: 'faults', include: FAULTS, fileParallelism: false, testTimeout: 240_000, hookTimeout: 240_000 }
      }
    ]
  }
})
