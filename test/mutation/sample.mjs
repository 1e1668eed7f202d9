import { createHash } from 'node:crypto';
import path from 'node:path';

// A checker of Stryker that lets only some changes through to the tests: as many in a hundred as MUTATION_SAMPLE says, and the
// same ones every time. In JavaScript, for Stryker's own processes load it.

const DRAWN = 'passed';
const LEFT_OUT = { status: 'compileError', reason: 'not drawn' };

class Sample {
  async init() {}

  async group(mutants) {
    return [mutants.map(({ id }) => id)];
  }

  async check(mutants) {
    return Object.fromEntries(mutants.map((mutant) => [mutant.id, isDrawn(mutant) ? { status: DRAWN } : LEFT_OUT]));
  }
}

function isDrawn({ fileName, location, replacement }) {
  const change = JSON.stringify([path.basename(fileName), location, replacement]);
  const share = createHash('sha256').update(change).digest().readUInt32BE() / 2 ** 32;
  return 100 * share < Number(process.env['MUTATION_SAMPLE']);
}

export const strykerPlugins = [{ kind: 'Checker', name: 'sample', injectableClass: Sample }];
