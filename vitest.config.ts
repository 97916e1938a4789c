import { defineConfig } from 'vitest/config';

/** Projects by what a test needs: nothing, processes, real weights. Two cores are the common size. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['tests/unit/**/*.test.ts'], testTimeout: 30_000 } },
      { test: { name: 'contract', include: ['tests/contract/**/*.test.ts'], testTimeout: 60_000 } },
      { test: { name: 'process', include: ['tests/process/**/*.test.ts'], pool: 'forks', maxWorkers: 1, fileParallelism: false, testTimeout: 120_000, hookTimeout: 120_000 } },
      { test: { name: 'models', include: ['tests/models/**/*.test.ts'], pool: 'forks', maxWorkers: 1, fileParallelism: false, testTimeout: 300_000, hookTimeout: 300_000 } },
      { test: { name: 'soak', include: ['tests/soak/**/*.soak.ts'], pool: 'forks', maxWorkers: 1, fileParallelism: false, testTimeout: 7_200_000 } },
    ],
  },
});
