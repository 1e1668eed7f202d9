import { defineConfig } from 'vitest/config';
import type { TestProjectInlineConfiguration } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

/** Tests that only some ask for, by the variable that their npm command sets: npm run test:full-width, test:browser … */
const slow = {
  NAS_FULL_WIDTH: 'test/full-width/**',
  NAS_BROWSER: 'test/browser/**',
  NAS_S3: 'test/s3/**',
  NAS_S3_KILLS: 'test/s3/kills.test.ts',
  NAS_METRICS: 'test/metrics/**',
  NAS_CLUSTER: 'test/cluster/**',
  NAS_IMAGE: 'test/image/**',
  NAS_CONTAINERS: 'test/containers/**',
} as const;
const leftOut = Object.entries(slow).flatMap(([variable, files]) => (process.env[variable] === '1' ? [] : [files]));

const PURE = 'test/pure/**/*.test.ts';
const TENSOR = 'test/tensor/**/*.test.ts';
const WORKFLOW = 'test/workflow/**/*.test.ts';

/** A few processes run all files of such a project, and load each module once: a file must leave nothing behind. */
const shared = { isolate: false, setupFiles: ['test/support/own-environment.ts', 'test/support/same-seed.ts'] };

/** Tests compute on the processor wherever they run; npm run test:card computes on the first card, in float32 throughout. */
const device: Record<string, string> =
  process.env['NAS_CARD'] === '1'
    ? {
        NVIDIA_TF32_OVERRIDE: '0',
        TF_CUDNN_USE_AUTOTUNE: '0',
        TF_DISABLE_RZ_CHECK: '1',
        TF_FORCE_GPU_ALLOW_GROWTH: 'true',
      }
    : { CUDA_VISIBLE_DEVICES: '' };
/** Some files run at a time: a second thread of TensorFlow would only wait for the others. */
const threads = { TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1' };
/** Texts are compared without colours, which CI asks for. */
const env = { ...device, ...threads, NO_COLOR: '1' };
// So does FORCE_COLOR; beside NO_COLOR it makes Node warn on the standard error that tests look at.
delete process.env['FORCE_COLOR'];

const project = (name: string, test: TestProjectInlineConfiguration['test']): TestProjectInlineConfiguration => ({
  // Forks, because native modules (TensorFlow, the Temporal core) do not survive worker threads.
  test: { name, env, pool: 'forks', testTimeout: 120_000, hookTimeout: 120_000, ...test },
});

const projects = [
  project('workflow', { include: [WORKFLOW], ...shared }),
  project('machine', { include: ['test/**/*.test.ts'], exclude: [PURE, TENSOR, WORKFLOW, ...leftOut] }),
  project('tensor', { include: [TENSOR], ...shared }),
  project('pure', { include: [PURE], ...shared }),
];

const placeOf = ({ project: { name } }: TestSpecification): number =>
  projects.findIndex(({ test }) => test?.name === name);

/** Projects in the order above, those of the longest files first: at the end no process waits long for the other. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- it is Vitest's method, which gives a new list
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => placeOf(a) - placeOf(b));
  }
}

export default defineConfig({
  test: {
    // Fewer do not keep two cores busy: many a test waits for a time-out of a real process.
    maxWorkers: 3,
    // What tests start runs from JavaScript.
    globalSetup: ['runtime/compile.mjs'],
    sequence: { sequencer: LongestFirst },
    projects,
  },
});
