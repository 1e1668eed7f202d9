import path from 'node:path';
import { cpSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { sha256File } from '../../artifacts/files.ts';
import { originalFolder } from '../../nas/evaluation/ranking.ts';
import { parameterLayout } from '../../nas/space/layout.ts';
import { readSafetensors, writeSafetensors } from '../../nas/weights/safetensors.ts';
import { loadPipeline } from '../../pipelines/compile.ts';
import { fingerprintOf } from '../../pipelines/fingerprint.ts';
import { PipelineError } from '../../pipelines/problems.ts';
import { projectRoot } from '../../runtime/layout.ts';
import type { Plan } from '../../plan/plan.ts';
import { committedSpace } from '../support/spaces.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import type { JsonObject } from '../../plan/json.ts';

const space = committedSpace('fashion');

/** A project with a supernet as the original saves it: prefixed names, statistics beside the parameters, no metadata. */
function projectWith(groups: number): string {
  const root = temporaryFolder();
  cpSync(path.join(projectRoot, 'configs'), path.join(root, 'configs'), { recursive: true });
  const parameters = parameterLayout(space, groups, 10).map(({ name, shape }) => ({
    name: `module.${name}`,
    shape,
    data: new Float32Array(shape.reduce((product, size) => product * size, 1)),
  }));
  const statistics = { name: 'module.first_conv.bn.bn.running_mean', shape: [4], data: new Float32Array(4) };
  writeSafetensors(path.join(root, 'original.safetensors'), [...parameters, statistics], {});
  return root;
}

function planIn(root: string, stages: string): Plan {
  const file = path.join(root, 'p.yml');
  const head = `name: p\nconfig: [common.yml, train_supernet_models.yml, few_shot.yml, fashion.yml]\n`;
  const truth = 'with: { ground_truth: configs/ground-truth/fashion.json }';
  writeFileSync(file, `${head}${stages.includes('train-supernet') ? truth : ''}\nstages:\n${stages}`);
  return loadPipeline(file, { root });
}

function problemsIn(root: string, stages: string): string {
  try {
    planIn(root, stages);
    return '';
  } catch (error) {
    if (error instanceof PipelineError) return error.message.replaceAll(root, '');
    throw error;
  }
}

/** How a problem in a stage begins. */
const at = (column: number, key: string): string => `p.yml:5:${column}: stages.a.with.${key}: `;

const training = (groups: number, file: string): string =>
  `  a: { uses: train-supernet, with: { groups: ${groups}, inherit: ${file} } }\n`;
const evaluation = (file: string): string =>
  `  a: { uses: evaluate-subnets, with: { supernet: ${file}, subnets: configs/ground-truth/fashion.json, part: 1, parts: 1, test_set: 1, batch_size: 500 } }\n`;

test('a stage starts from a supernet that is named by its file, with K and hash taken from it', async () => {
  const root = projectWith(2);
  const sha256 = await sha256File(path.join(root, 'original.safetensors'));
  const reference = { file: 'original.safetensors', origin: 'project', sha256, groups: 2, epoch: 0 };
  // More groups, or as many: trained on.
  for (const groups of [2, 3]) {
    expect(planIn(root, training(groups, 'original.safetensors')).stages[0]?.with['inherit']).toEqual(reference);
  }
  const [evaluate] = planIn(root, evaluation('original.safetensors')).stages;
  expect(evaluate?.with['supernet']).toEqual(reference);
  expect(originalFolder({ supernet: { ...reference, origin: 'project' }, test_set: 1 })).toBe(
    'original/json_results/epoch0_all_test',
  );
});

test('weights that are not finite are refused before anything starts, and it is said which', () => {
  const root = projectWith(1);
  const { tensors } = readSafetensors(path.join(root, 'original.safetensors'));
  const conv = tensors.find(({ name }) => name.endsWith('blocks.1.conv2.conv.weight'))!;
  for (const [value, text] of [
    [NaN, 'NaN'],
    [-Infinity, '-Infinity'],
  ] as const) {
    conv.data[(2 * conv.shape[1]! + 1) * 9 + 5] = value;
    writeSafetensors(path.join(root, 'broken.safetensors'), tensors, {});
    for (const stages of [training(1, 'broken.safetensors'), evaluation('broken.safetensors')]) {
      expect(problemsIn(root, stages)).toContain(
        `broken.safetensors: module.blocks.1.conv2.conv.weight[2, 1, 1, 2]: expected finite numbers, got ${text}; take weights from before the training failed`,
      );
    }
  }
});

test('names that torch.compile and DistributedDataParallel have changed are understood, in any order', () => {
  const root = projectWith(1);
  const { tensors } = readSafetensors(path.join(root, 'original.safetensors'));
  const renamed = (change: (name: string) => string): string => {
    const named = tensors.map(({ name, ...tensor }) => ({ ...tensor, name: change(name.replace(/^module\./, '')) }));
    writeSafetensors(path.join(root, 'renamed.safetensors'), named, {});
    return problemsIn(root, training(1, 'renamed.safetensors'));
  };
  expect(renamed((name) => `_orig_mod.${name}`)).toBe('');
  expect(renamed((name) => `module._orig_mod.${name}`)).toBe('');
  expect(renamed((name) => `_orig_mod.module.${name}`)).toBe('');
  expect(renamed((name) => name.replace(/^(blocks\.\d+)/, '$1._orig_mod'))).toBe('');
  expect(renamed((name) => `wrapped.${name}`)).toContain('first_conv.conv.conv.weight: expected 4×1×3×3, got nothing');
});

test('a file with a parameter under two names is refused: nobody knows which is meant', () => {
  const root = projectWith(1);
  const { tensors } = readSafetensors(path.join(root, 'original.safetensors'));
  const [first] = tensors;
  const twice = [...tensors, { ...first!, name: first!.name.replace(/^module\./, '') }];
  writeSafetensors(path.join(root, 'twice.safetensors'), twice, {});
  expect(problemsIn(root, training(1, 'twice.safetensors'))).toContain(
    'expected each parameter once, got first_conv.conv.conv.weight again as first_conv.conv.conv.weight',
  );
});

function print(supernet: JsonObject): string {
  return fingerprintOf('evaluate-subnets', { supernet });
}

test('the same bytes give the same fingerprint, whoever made them', () => {
  const supernet = { file: 'original.safetensors', sha256: 'a'.repeat(64), groups: 2, epoch: 0 };
  expect(print({ ...supernet, origin: 'project' })).toBe(print({ ...supernet, file: 'run/2/0.5_0.safetensors' }));
});

test('a file that is missing, no supernet, or of another space or K is refused before anything starts', () => {
  const root = projectWith(3);
  writeFileSync(path.join(root, 'torch.pth'), 'PK, and whatever follows');
  writeSafetensors(path.join(root, 'other.safetensors'), [{ name: 'x', shape: [1], data: new Float32Array(1) }], {});
  expect(problemsIn(root, training(2, 'missing.safetensors'))).toBe(
    `${at(58, 'inherit')}expected a file, got none at "missing.safetensors"; correct the path; docs/pytorch.md says what such a file is`,
  );
  expect(problemsIn(root, training(2, 'torch.pth'))).toContain(
    'got a file that cannot serve as one: torch.pth: expected a header of at most',
  );
  expect(problemsIn(root, evaluation('other.safetensors'))).toContain(
    `${at(50, 'supernet')}expected a supernet of the space fashion, got a file that cannot serve as one: other.safetensors: first_conv.conv.conv.weight: expected 4×1×3×3, got nothing; another space or K?`,
  );
  expect(problemsIn(root, training(2, 'original.safetensors'))).toBe(
    `${at(58, 'inherit')}expected a supernet of at most 2 groups, got one of 3; raise groups`,
  );
  expect(problemsIn(root, training(3, '../original.safetensors'))).toContain(
    'expected a path below the project folder',
  );
});
