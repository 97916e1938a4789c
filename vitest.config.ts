import { defineConfig } from 'vitest/config';

/**
 * Projects by what a test needs: nothing, a process, real weights. They run one group after the other,
 * because two cores are the common size and a test that waits for a leaf must not compete with others.
 */
const alone = { pool: 'forks', maxWorkers: 1, fileParallelism: false } as const;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['tests/unit/**/*.test.ts'],
          sequence: { groupOrder: 0 },
          maxWorkers: 2,
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'contract',
          include: ['tests/contract/**/*.test.ts'],
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          ...alone,
        },
      },
      {
        test: {
          name: 'process',
          include: ['tests/process/**/*.test.ts'],
          sequence: { groupOrder: 2 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
          ...alone,
        },
      },
      {
        test: {
          name: 'models',
          include: ['tests/models/**/*.test.ts'],
          sequence: { groupOrder: 3 },
          testTimeout: 300_000,
          hookTimeout: 300_000,
          ...alone,
        },
      },
      {
        test: {
          name: 'soak',
          include: ['tests/soak/**/*.soak.ts'],
          sequence: { groupOrder: 4 },
          testTimeout: 7_200_000,
          ...alone,
        },
      },
    ],
  },
});
