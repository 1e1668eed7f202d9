import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { planOf } from '../support/pipelines.ts';

// Where a value may be written, the last one the nearest to the user.
const places = [
  'config file of the pipeline',
  'its second config file',
  'config file of the stage',
  "the pipeline's with",
  "the stage's with",
  '--set with',
  '--set of the stage',
] as const;

/** What each place says of `run` and of two entries of `env`; nothing where it is undefined. */
const entry = fc.record({ run: fc.boolean(), env: fc.subarray(['A', 'B', 'C']) });

test('of all places where a value is written the one nearest to the user wins, key by key inside of maps', () => {
  fc.assert(
    fc.property(fc.array(entry, { minLength: places.length, maxLength: places.length }), (entries) => {
      const saysAt = places.map((place, at) => {
        const { run, env } = entries[at]!;
        const pairs = env.map((name) => `${name}: "${place}"`);
        return [...(run ? [`run: ["${place}"]`] : []), ...(pairs.length > 0 ? [`env: {${pairs.join(', ')}}`] : [])];
      });
      const written = (at: number): string => `{ ${saysAt[at]!.join(', ')} }`;
      // A stage has to run something, and a config file to say something.
      const filled = (at: number): string => (saysAt[at]!.length > 0 ? saysAt[at]!.join('\n') : 'env: {}');
      const text = `name: p
config: [a.yml, b.yml]
with: ${written(3)}
stages:
  one: { uses: command, config: c.yml, with: ${written(4)} }
`;
      const files = {
        'configs/a.yml': `${filled(0)}\n${entries[0]!.run ? '' : 'run: [none]\n'}`,
        'configs/b.yml': filled(1),
        'configs/c.yml': filled(2),
      };
      const flags = (at: number, prefix: string): string[] => [
        ...(entries[at]!.run ? [`${prefix}run=["${places[at]}"]`] : []),
        ...entries[at]!.env.map((name) => `${prefix}env.${name}=${places[at]}`),
      ];
      const set = [...flags(6, 'stages.one.with.'), ...flags(5, 'with.')];
      const [stage] = planOf(text, { set }, files).stages;
      const last = (says: (of: (typeof entries)[number]) => boolean): string | undefined =>
        places.findLast((_, at) => says(entries[at]!));
      expect(stage!.with['run']).toEqual([last(({ run }) => run) ?? 'none']);
      const env = ['A', 'B', 'C'].flatMap((name) => {
        const winner = last((one) => one.env.includes(name));
        return winner === undefined ? [] : [[name, winner] as const];
      });
      expect(stage!.with['env']).toEqual(Object.fromEntries(env));
    }),
    { numRuns: 60 },
  );
});
