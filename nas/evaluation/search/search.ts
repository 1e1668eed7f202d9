import { SearchSubnetsConfig } from './config.ts';
import { nextGeneration } from './generation.ts';
import type { Found } from './generation.ts';
import { commitChunk, recordedScores } from '../chunks.ts';
import { testSubnets } from '../evaluate.ts';
import type { TestWatch } from '../evaluate.ts';
import { paretoFront } from '../pareto.ts';
import { reporting } from '../part.ts';
import { accuraciesText, originalFolder, rankingFiles, rowOf, tableText } from '../ranking.ts';
import type { Ranking } from '../ranking.ts';
import type { HeldStage } from '../../../artifacts/stage.ts';
import { openDataset } from '../../data/open.ts';
import { parseInput } from '../../process/harness.ts';
import type { Outputs, ProcessLine } from '../../process/harness.ts';
import type { Job } from '../../process/protocol.ts';
import { supernetFile } from '../../process/stage-io.ts';
import { computingWith } from '../../supernet/tensorflow.ts';
import { loadSupernet } from '../../supernet/weights.ts';
import type { Score } from '../score.ts';

/** In the folder of a search, beside the files of a ranking of all that it evaluated. */
const PARETO_FILE = 'pareto.csv';

/**
 * `search-subnets`: looks for the best subnets of a space under limits. Generations are evaluated on the images that epochs are
 * selected by, and recorded one by one; the Pareto set of all is then tested on the test images, for the best of many look better
 * than they are on the images that they were chosen by. A search that was killed goes on at its last generation, to the same bits.
 */
export async function searchSubnets(job: Job, line: ProcessLine, stage: HeldStage): Promise<Outputs | 'stopped'> {
  const config = parseInput(SearchSubnetsConfig, job.with, 'with');
  const { space, n_classes: classes, precision, supernet, calibration, batch_size, budget } = config;
  const report = reporting(line, supernet.epoch);
  report('loading');
  const dataset = await openDataset(config.dataset);
  const net = loadSupernet(await supernetFile(job.results, supernet), {
    space,
    classes,
    groups: supernet.groups,
    precision,
  });
  await stage.computesWith(computingWith(job.threads));
  const scoresOf = async (
    some: readonly Found[],
    part: 'selection' | 'test',
    done: number,
  ): Promise<Score[] | 'stopped'> => {
    const watch: TestWatch = {
      onProgress: ({ phase, share, ofTest }) => {
        const subnets = done + Math.floor((some.length * (ofTest.step + share)) / ofTest.steps);
        report(phase, { ...ofTest, subnets: Math.min(subnets, budget), subnetsTotal: budget });
      },
      shouldStop: () => line.stopRequested(),
    };
    const subnets = some.map(({ subnet }) => subnet);
    return await testSubnets(net, subnets, dataset, { calibration, test: { part, batch_size } }, watch);
  };

  const recorded = await recordedScores(stage);
  const evaluated: Found[] = [];
  const scores: Score[] = [];
  for (let next = nextGeneration(config, evaluated); next.length > 0; next = nextGeneration(config, evaluated)) {
    const from = evaluated.length;
    const known = recorded.slice(from, from + next.length);
    const measured = known.length === next.length ? known : await scoresOf(next, 'selection', from);
    if (measured === 'stopped') return 'stopped';
    if (measured !== known) {
      report('saving', { subnets: from + next.length, subnetsTotal: budget });
      await commitChunk(stage, from, measured);
    }
    scores.push(...measured);
    evaluated.push(...next.map((one, index) => ({ ...one, score: percent(measured[index]!) })));
    await line.turn();
    if (line.stopRequested()) return 'stopped';
  }

  const front = paretoFront(evaluated, 'macs');
  const tested = await scoresOf(front, 'test', budget);
  if (tested === 'stopped') return 'stopped';
  report('saving', { subnets: budget, subnetsTotal: budget });
  const rows = evaluated.map((one, index) => rowOf(config, one, scores[index]!));
  const files = await stage.put({
    [rankingFiles.table]: tableText(rows),
    [rankingFiles.top1]: accuraciesText(rows, ({ top1 }) => top1),
    [rankingFiles.top5]: accuraciesText(rows, ({ top5 }) => top5),
    [PARETO_FILE]: paretoText(front, tested),
  });
  const ranking: Ranking = {
    table: files[rankingFiles.table],
    top1: files[rankingFiles.top1],
    top5: files[rankingFiles.top5],
    predictor: null,
    subnets: rows.length,
    json_results: originalFolder({ supernet, test_set: 0 }),
  };
  return { ranking, pareto: files[PARETO_FILE] };
}

function percent({ top1, images }: Score): number {
  return (100 * top1) / images;
}

/** The Pareto set as CSV, cheapest first: top-1 on the test images in percent with its 95 % interval, and what it was chosen by. */
function paretoText(front: readonly Found[], tested: readonly Score[]): string {
  const lines = front.map(({ id, code, depth, parameters, macs, score }, index) => {
    const { low, high } = wilson(tested[index]!);
    return [id, code, depth, parameters, macs, percent(tested[index]!), low, high, score].join();
  });
  return ['id,code,depth,parameters,macs,top1,low,high,top1_in_search', ...lines, ''].join('\n');
}

const Z = 1.959964;

/** The 95 % interval of a share of images, in percent (Wilson 1927). */
export function wilson({ top1, images }: Pick<Score, 'top1' | 'images'>): { low: number; high: number } {
  const share = top1 / images;
  const middle = (share + Z ** 2 / (2 * images)) / (1 + Z ** 2 / images);
  const half = (Z * Math.sqrt((share * (1 - share)) / images + Z ** 2 / (4 * images ** 2))) / (1 + Z ** 2 / images);
  return { low: 100 * (middle - half), high: 100 * (middle + half) };
}
