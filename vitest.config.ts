import { defineConfig } from 'vitest/config'

/** Tests that start real processes wait for each other's ports, boxes and cores. */
const REAL = ['test/e2e/**/*.test.ts', 'test/hostile/**/*.test.ts']

/** Many minutes, with networks that are broken on purpose: npm run test:faults. */
const FAULTS = ['test/faults/**/*.test.ts']

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: [...REAL, ...FAULTS], testTimeout: 20_000 }
      },
      {
        extends: true,
        test: { name: 'e2e', include: REAL, fileParallelism: false, testTimeout: 120_000, hookTimeout: 120_000 }
      },
      {
        extends: true,
        test: { name: 'faults', include: FAULTS, fileParallelism: false, testTimeout: 240_000, hookTimeout: 240_000 }
      }
    ]
  }
})
