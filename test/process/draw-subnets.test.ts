import path from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test, vi } from 'vitest';
import { macs, parameterCount } from '../../nas/space/cost.ts';
import { depthOf } from '../../nas/space/space.ts';
import { parseSubnetList } from '../../nas/space/subnet-list.ts';
import { projectRoot } from '../../artifacts/paths.ts';
import { committedSpace, configText } from '../support/spaces.ts';

// 200,000 subnets are drawn for the bands: seconds, more of them on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

/** What the command prints. */
async function drawn(...args: string[]): Promise<string> {
  const file = path.join(projectRoot, 'configs/draw-subnets.ts');
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', file, ...args]);
  return stdout;
}

/** How far the largest lies above the smallest, as a share of it. */
const spread = (values: readonly number[]): number => Math.max(...values) / Math.min(...values) - 1;

const benchmarkBands = ['fashion', '28', '1', '--bands', '3000,4500,6700,10000', '--classes', '10'];

test.each([
  ['fashion-ground-truth', ['fashion', '35', '1']],
  ['fashion-bench-sizes', ['fashion', '100', '2']],
  ['fashion-bench-bands', benchmarkBands],
])('the command draws the list %s as it is committed', async (list, args) => {
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

test.each([
  [['nowhere', '3'], 'expected a name of configs/spaces, got "nowhere"'],
  [['fashion', 'three'], 'usage: '],
  [['fashion', '3', '1', '--bands', '3000'], 'usage: '],
  [['fashion', '500', '1', '--bands', '3000', '--classes', '10'], 'expected 500 subnets of 3000 parameters'],
])('arguments %j are refused', async (args, message) => {
  await expect(drawn(...args)).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
});
