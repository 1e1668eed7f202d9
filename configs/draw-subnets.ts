import { SpaceConfig } from './space-schema.ts';
import { archCodes, stratifiedArchitectures } from '../nas/space/sampling.ts';
import { problemText } from '../pipelines/problems.ts';
import { Project, PROJECT_ROOT } from '../pipelines/project.ts';

/**
 * Draws subnets stratified over size and prints their arch codes, one a line:
 *
 *     npx tsx configs/draw-subnets.ts fashion 35 1 > configs/subnets/fashion-ground-truth.txt
 */

const [name = '', count = '', seed = '0'] = process.argv.slice(2);
const found = new Project(PROJECT_ROOT).named('space', name, { source: 'draw-subnets' }, ['space']);
if ('problems' in found || !/^[1-9]\d*$/.test(count) || !/^\d+$/.test(seed)) {
  const problems = 'problems' in found ? found.problems.map(problemText) : [];
  console.error([...problems, 'usage: npx tsx configs/draw-subnets.ts <space> <count> [seed]'].join('\n'));
  process.exit(2);
}
const space = SpaceConfig.parse(found.value);
console.log(archCodes(space, stratifiedArchitectures(space, Number(count), Number(seed))).join('\n'));
