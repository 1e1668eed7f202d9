import { defineConfig } from 'vitest/config';

// Forks, because native modules (TensorFlow, the Temporal core) do not survive worker threads.
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    // What tests start runs from JavaScript.
    globalSetup: ['runtime/compile.mjs'],
    include: ['test/**/*.test.ts'],
    // They take minutes, a browser, a gateway to S3 or a Prometheus: npm run test:full-width, test:browser … ask for them.
    exclude: [
      ...(process.env['NAS_FULL_WIDTH'] === '1' ? [] : ['test/full-width/**']),
      ...(process.env['NAS_BROWSER'] === '1' ? [] : ['test/browser/**']),
      ...(process.env['NAS_S3'] === '1' ? [] : ['test/s3/**']),
      ...(process.env['NAS_S3_KILLS'] === '1' ? [] : ['test/s3/kills.test.ts']),
      ...(process.env['NAS_METRICS'] === '1' ? [] : ['test/metrics/**']),
    ],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
