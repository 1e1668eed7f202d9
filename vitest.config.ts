import { defineConfig } from 'vitest/config';

// Forks, because native modules (TensorFlow, the Temporal core) do not survive worker threads.
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    include: ['test/**/*.test.ts'],
    // Minutes by itself: npm run test:full-width asks for it.
    exclude: process.env['NAS_FULL_WIDTH'] === '1' ? [] : ['test/full-width/**'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
