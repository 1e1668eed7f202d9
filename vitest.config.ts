import { defineConfig } from 'vitest/config';

// Forks, because native modules (TensorFlow, the Temporal core) do not survive worker threads.
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
