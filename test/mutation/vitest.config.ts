import { defineConfig } from 'vitest/config';
import type { Plugin } from 'vitest/config';
import { areElsewhere, areOfWorkflows, arePure } from './thresholds.ts';

// What Stryker runs the tests with.

const tests = process.env['MUTATION_TESTS'] ?? 'test/pure/*.test.ts';
const isOfWorkflows = areOfWorkflows(tests);

// It asks for threads, in which native modules (TensorFlow, koffi) do not live.
const inForks: Plugin = {
  name: 'in forks',
  configureVitest({ project }) {
    if (!arePure(tests)) project.config.pool = 'forks';
  },
};

export default defineConfig({
  plugins: [inForks],
  test: {
    globalSetup: ['runtime/compile.mjs'],
    include: [tests],
    runner: 'test/mutation/runner.ts',
    // The same values every time, so that a share that falls has a reason.
    setupFiles: [
      'test/mutation/children.ts',
      'test/support/same-seed.ts',
      ...(areElsewhere(tests) ? ['test/mutation/uncounted.ts'] : []),
      ...(isOfWorkflows ? ['test/mutation/workflows.ts'] : []),
    ],
    // Wrong workflows wait for ever.
    testTimeout: isOfWorkflows ? 20_000 : 120_000,
    hookTimeout: 120_000,
  },
});
