import { defineConfig } from 'vitest/config';
import type { TestProjectInlineConfiguration } from 'vitest/config';

/** Tests that only some ask for, by the variable that their npm command sets: npm run test:full-width, test:browser … */
const slow = {
  NAS_FULL_WIDTH: 'test/full-width/**',
  NAS_BROWSER: 'test/browser/**',
  NAS_S3: 'test/s3/**',
  NAS_S3_KILLS: 'test/s3/kills.test.ts',
  NAS_METRICS: 'test/metrics/**',
} as const;
const leftOut = Object.entries(slow).flatMap(([variable, files]) => (process.env[variable] === '1' ? [] : [files]));

const PURE = 'test/pure/**/*.test.ts';

/** Tests compute on the processor wherever they run; npm run test:card computes on the first card, in float32 throughout. */
const env: Record<string, string> =
  process.env['NAS_CARD'] === '1'
    ? { NVIDIA_TF32_OVERRIDE: '0', TF_CUDNN_USE_AUTOTUNE: '0', TF_FORCE_GPU_ALLOW_GROWTH: 'true' }
    : { CUDA_VISIBLE_DEVICES: '' };

const project = (name: string, test: TestProjectInlineConfiguration['test']): TestProjectInlineConfiguration => ({
  // Forks, because native modules (TensorFlow, the Temporal core) do not survive worker threads.
  test: { name, env, pool: 'forks', testTimeout: 120_000, hookTimeout: 120_000, ...test },
});

export default defineConfig({
  test: {
    maxWorkers: 2,
    // What tests start runs from JavaScript.
    globalSetup: ['runtime/compile.mjs'],
    projects: [
      project('machine', {
        include: ['test/**/*.test.ts'],
        exclude: [PURE, ...leftOut],
        // Two files run at a time: a second thread of TensorFlow would only wait for the other file.
        env: { TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1' },
      }),
      // Last, by name. They leave nothing behind, so two processes run all of them and load each module once.
      project('pure', { include: [PURE], isolate: false }),
    ],
  },
});
