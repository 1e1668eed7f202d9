import { expect, test, vi } from 'vitest';
import { macs, parameterCount } from '../../nas/space/cost.ts';
import { depthOf } from '../../nas/space/space.ts';
import { parseSubnetList } from '../../nas/space/subnet-list.ts';
import { isLong } from '../support/long.ts';
import { nas } from '../support/nas.ts';
import { committedSpace, configText } from '../support/spaces.ts';

// The long form draws 200,000 subnets: seconds, more of them on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

/** What the command prints. */
async function drawn(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await nas(['draw', ...args]);
  if (code === 0) return stdout;
  throw Object.assign(new Error(stderr), { code, stderr });
}

/** How far the largest lies above the smallest, as a share of it. */
const spread = (values: readonly number[]): number => Math.max(...values) / Math.min(...values) - 1;

// 200,000 subnets are drawn for them.
const bands = ['fashion', '28', '--seed', '1', '--bands', '3000,4500,6700,10000', '--classes', '10'];

const lists: [list: string, args: string[]][] = [
  ['fashion-ground-truth', ['fashion', '35', '--seed', '1']],
  ['fashion-bench-sizes', ['fashion', '100', '--seed', '2']],
];
if (isLong) lists.push(['fashion-bench-bands', bands]);

test.each(lists)('the command draws the list %s as it is committed', async (list, args) => {
  expect(await drawn(...args)).toBe(configText(`subnets/${list}.txt`));
});

test('the subnets of a band are of one size, and differ in depth', () => {
  const space = committedSpace('fashion');
  const subnets = parseSubnetList(space, configText('subnets/fashion-bench-bands.txt'), 'bands').map(
    ({ subnet }) => subnet,
  );
  for (const [band, target] of [3000, 4500, 6700, 10_000].entries()) {
    const own = subnets.slice(28 * band, 28 * (band + 1));
    const parameters = own.map((subnet) => parameterCount(space, subnet, 10));
    expect(Math.abs(parameters[0]! / target - 1)).toBeLessThan(0.015);
    expect(spread(parameters)).toBeLessThan(0.031);
    expect(spread(own.map((subnet) => macs(space, subnet, 28, 10)))).toBeLessThan(0.031);
    expect(new Set(own.map(depthOf)).size).toBeGreaterThan(4);
    expect(new Set(own.map((subnet) => JSON.stringify(subnet))).size).toBe(28);
  }
});

const refusals: [args: string[], message: string][] = [
  [['nowhere', '3'], 'expected the name of a file in configs/spaces, got nowhere'],
  [['fashion', 'three'], 'expected a whole number'],
  [['fashion', '3', '--bands', '3000'], '--bands: expected --classes beside it'],
];
// That a band has too few is known when all have been drawn.
const tooFew = ['fashion', '500', '--seed', '1', '--bands', '3000', '--classes', '10'];
if (isLong) refusals.push([tooFew, 'expected 500 subnets of 3000 parameters']);

test.each(refusals)('arguments %j are refused', async (args, message) => {
  await expect(drawn(...args)).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
});
