import { defineConfig } from 'vitest/config';
import type { Plugin } from 'vitest/config';

// What Stryker runs the tests with. It asks for threads, in which native modules (TensorFlow, koffi) do not live.
const inForks: Plugin = {
  name: 'in forks',
  configureVitest({ project }) {
    project.config.pool = 'forks';
  },
};

export default defineConfig({
  plugins: [inForks],
  test: {
    globalSetup: ['runtime/compile.mjs'],
    include: [process.env['MUTATION_TESTS'] ?? 'test/pure/*.test.ts'],
    setupFiles: ['test/mutation/children.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
