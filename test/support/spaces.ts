import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { parseSpace } from '../../configs/space-schema.ts';
import type { Architecture, Block, Space } from '../../nas/space/space.ts';

const configs = (path: string): string => fileURLToPath(new URL(`../../configs/${path}`, import.meta.url));

/** The text of a committed file below configs/. */
export function configText(path: string): string {
  return readFileSync(configs(path), 'utf8');
}

/** A committed search space: imagenet, fashion, fashion-wide. */
export function committedSpace(name: string): Space {
  return parseSpace(configText(`spaces/${name}.yml`), `configs/spaces/${name}.yml`);
}

/** The competition's 45,000 arch codes, archN at N - 1. */
export function competitionCodes(): string[] {
  return configText('subnets/cvpr2022-track1.txt').trimEnd().split('\n');
}

/** Any small search space. */
export const anySpace: fc.Arbitrary<Space> = fc.record({
  name: fc.constant('any'),
  channels: fc.constantFrom(1, 3),
  resolutions: fc.constant([28]),
  stem: fc.record({
    kernel: fc.constantFrom(3, 7),
    stride: fc.constantFrom(1 as const, 2 as const),
    pool: fc.boolean(),
    base: fc.integer({ min: 2, max: 64 }),
  }),
  stages: fc.array(
    fc.record({
      base: fc.integer({ min: 2, max: 128 }),
      stride: fc.constantFrom(1 as const, 2 as const),
      depth: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 3, max: 9 })),
    }),
    { minLength: 1, maxLength: 5 },
  ),
  ratios: fc
    .uniqueArray(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 9 })
    .map((twentieths) => twentieths.toSorted((a, b) => b - a).map((value) => value / 20)),
  divisor: fc.constant(1),
  group_by: fc.constantFrom(undefined, 'depth' as const),
});

/** Any architecture of a space; the out channels of a stage may differ, as an arch code allows. */
export function anyArchitecture(space: Space): fc.Arbitrary<Architecture> {
  const code = fc.integer({ min: 1, max: space.ratios.length });
  const block: fc.Arbitrary<Block> = fc.record({ mid: code, out: code });
  const stages = space.stages.map(({ depth: [minLength, maxLength] }) => fc.array(block, { minLength, maxLength }));
  return fc.record({ stem: code, stages: fc.tuple(...stages) });
}

/** Any space with some architectures of it. */
export function anyArchitectures(count: { minLength: number; maxLength: number }): fc.Arbitrary<{
  space: Space;
  architectures: Architecture[];
}> {
  return anySpace.chain((space) =>
    fc.record({ space: fc.constant(space), architectures: fc.array(anyArchitecture(space), count) }),
  );
}
