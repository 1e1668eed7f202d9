import { expect, test } from 'vitest';
import { readFacts } from '../../pages/facts.ts';
import { runFile } from '../../pages/run-page.tsx';
import { paretoFront } from '../../nas/evaluation/pareto.ts';
import { BadInput } from '../../plan/endings.ts';
import { syntheticRun } from '../support/synthetic-run.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

async function made(wanted: Parameters<typeof syntheticRun>[2]) {
  const root = temporaryFolder();
  syntheticRun(root, 'run', wanted);
  const facts = await readFacts(root, 'run');
  return { facts, text: runFile(facts) };
}

const attribute = (row: string, name: string): string | undefined =>
  new RegExp(`data-${name}="([^"]*)"`).exec(row)?.[1];

test('a run’s page is one file that asks the network for nothing', async () => {
  const { text } = await made({ supernets: 3, epochs: 4, subnets: 40 });
  expect(text).not.toMatch(/(src|href|action|poster|data)="(?!#)[^"]/);
  expect(text).not.toMatch(/@import|url\(|https?:\/\//);
});

test('the ladder has tau and interval of every supernet’s chosen epoch, beside the baselines and the ceiling', async () => {
  const { facts, text } = await made({ supernets: 3, epochs: 4, subnets: 0 });
  const rows = [...text.matchAll(/<tr class="(supernet|baseline)"[^>]*>/g)].map(([row]) => row);
  const shown = rows.map((row) => [
    attribute(row, 'name'),
    Number(attribute(row, 'tau')),
    Number(attribute(row, 'low')),
  ]);
  const [truth] = facts.truths.values();
  expect(shown).toEqual([
    ...facts.trained.map(({ id, record }) => [id, record.tau, record.interval?.[0]]),
    ...truth!.baselines.map(({ name, tau }) => [name, tau.estimate, tau.low]),
  ]);
  // Four sizes, and the mix of them that is fitted on other subnets; without bands there is no other.
  expect(truth!.baselines).toHaveLength(5);
  expect(text).toContain(`reaches ${truth!.ceiling!.kendallTau.toFixed(3)} on average`);
});

test('every subnet of the ground truth and of a small ranking can be pointed at by its name', async () => {
  const { facts, text } = await made({ supernets: 1, epochs: 2, subnets: 40 });
  const names = [...text.matchAll(/<title>(arch\d+): [^<]*<\/title>/g)].map(([, name]) => name);
  const [truth] = facts.truths.values();
  const front = (cost: 'macs' | 'parameters') => paretoFront(facts.rankings[0]!.ranking.subnets, cost);
  // Once in the ground truth's chart, once in each of the ranking's two.
  expect(names).toHaveLength(truth!.truth.names.length + 2 * 40);
  expect(text.match(/on the Pareto front/g)).toHaveLength(front('macs').length + front('parameters').length);
});

test('what people and programs wrote is shown as text, never as markup', async () => {
  const { text } = await made({ supernets: 1, epochs: 1, subnets: 0 });
  expect(text).toContain('chosen by &lt;script&gt;alert(1)&lt;/script&gt;: a &amp; b');
  expect(text).not.toContain('<script>alert');
});

test('the page says what --set changed and how the run is started once more', async () => {
  const { text } = await made({ supernets: 1, epochs: 3, subnets: 0 });
  expect(text).toContain('nas start pipelines/quickstart.yml --id run-again --set epochs=3 --fresh');
});

test('lost work is told apart from useful work and from waiting', async () => {
  const { text } = await made({ supernets: 1, epochs: 1, subnets: 0 });
  const bars = [...text.matchAll(/<rect class="(waiting|useful|redone)" [^>]*><title>[^:]*: \w+ ([^,]*),/g)];
  expect(bars.map(([, kind, time]) => [kind, time])).toEqual([
    ['waiting', '5s'],
    ['useful', '55s'],
    ['redone', '30s'],
    ['waiting', '5s'],
    ['useful', '6m 45s'],
  ]);
});

test('the page of 45,000 subnets stays under 3 MB and holds all of them', async () => {
  const { text } = await made({ supernets: 7, epochs: 10, subnets: 45_000 });
  expect(Buffer.byteLength(text)).toBeLessThan(3e6);
  expect(text).toContain('45,000 subnets, of which 45,000 were evaluated');
});

test('the page of 2,000 stages stays under 5 MB and says what it leaves out', async () => {
  const { text } = await made({ supernets: 2000, epochs: 1, subnets: 0 });
  expect(Buffer.byteLength(text)).toBeLessThan(5e6);
  expect(text).toContain('2,000 stages: 2,000 done');
  expect(text).toContain('The first 300 of 2,000 supernets are shown');
  expect(text).toContain('1,900 shorter ones');
});

test('a run that nobody knows is refused with what to do', async () => {
  await expect(readFacts(temporaryFolder(), 'nobody')).rejects.toThrow(BadInput);
});
