import path from 'node:path';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { complete } from '../../cli/complete.ts';
import { completionScripts } from '../../cli/completion.ts';
import { VERBS } from '../../cli/main.ts';
import { finishedStage } from '../support/finished-stage.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

beforeEach(async () => {
  const root = temporaryFolder();
  await finishedStage(root, 'search/one-shot', 'train-supernet', {});
  await finishedStage(root, 'search/few-shot-2', 'train-supernet', {});
  await finishedStage(root, 'older/one', 'command', {});
  vi.stubEnv('NAS_RESULTS', root);
});
afterEach(() => vi.unstubAllEnvs());

const typed = async (...words: string[]): Promise<string[]> => (await complete(VERBS, words)).toSorted();

test('what may stand next is known: verbs, runs, stages of the run, options and their values', async () => {
  expect(await typed('')).toEqual(Object.keys(VERBS).toSorted());
  expect(await typed('status', '')).toEqual(['older', 'search']);
  expect(await typed('compare', 'older', '')).toEqual(['older', 'search']);
  // A stage is called after its directory in these results.
  expect(await typed('select', 'search', '')).toEqual(['search/few-shot-2', 'search/one-shot']);
  expect(await typed('logs', 'older', '')).toEqual(['older/one']);
  expect(await typed('list', '--state', '')).toContain('waiting');
  expect(await typed('status', '--')).toEqual(['--forecast', '--help', '--json', '--ledger']);
  expect(await typed('schedule', '')).toEqual(['create', 'delete', 'list', 'pause', 'resume', 'run']);
  expect(await typed('schedule', 'create', '--overlap', '')).toContain('side-by-side');
  expect(await typed('completion', '')).toEqual(['bash', 'fish', 'zsh']);
});

test('where a file may stand, or nothing is known, there are no words', async () => {
  expect(await typed('start', '')).toEqual([]);
  expect(await typed('report', 'search', '--html', '')).toEqual([]);
  expect(await typed('nonsense', '')).toEqual([]);
});

test('bash asks for the words before the cursor and takes those that begin as it does', () => {
  const asked = path.join(temporaryFolder(), 'asked');
  const program = `${completionScripts['bash']}
    nas() { echo "$@" > ${asked}; printf '%s\\n' one-shot few-shot-2 few-shot-3; }
    COMP_WORDS=(nas select search few); COMP_CWORD=3; _nas; echo "\${COMPREPLY[*]}"`;
  expect(execFileSync('bash', ['-c', program], { encoding: 'utf8' })).toBe('few-shot-2 few-shot-3\n');
  expect(readFileSync(asked, 'utf8')).toBe('complete -- select search few\n');
});

const has = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0;

test.runIf(has('zsh'))('zsh completes a line as somebody types it, and files where no word is known', () => {
  const folder = temporaryFolder();
  writeFileSync(path.join(folder, 'mine.yml'), '');
  // Whoever types has loaded nothing that completes. What a completed line says is told by the command itself.
  writeFileSync(
    path.join(folder, 'typed.zsh'),
    `nas() {
      if [[ $1 != complete ]]; then print -r -- "ran: $*;"
      elif [[ $3 == select ]]; then print -rl -- one-shot few-shot-2 few-shot-3; fi
    }
    ${completionScripts['zsh']}
    print ready.`,
  );
  const lines = [
    String.raw`nas select search on\t`,
    // Asked again, zsh offers one word after the other.
    String.raw`nas select search few\t\t\t`,
    String.raw`nas start mi\t`,
  ];
  const program = `zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell 'source ./typed.zsh'
    zpty -r -m shell said '*ready.*'
    for line in ${lines.map((line) => `$'${line}\\n'`).join(' ')}; do
      zpty -w -n shell $line
      zpty -r -m shell said '*ran: *;*'
      print -r -- $said
    done`;
  const env = { ...process.env, ZDOTDIR: folder, TERM: 'dumb' };
  const said = execFileSync('zsh', ['-f', '-c', program], { cwd: folder, env, encoding: 'utf8', timeout: 60_000 });
  expect([...said.matchAll(/ran: (.*);/g)].map(([, words]) => words)).toEqual([
    'select search one-shot',
    'select search few-shot-2',
    'start mine.yml',
  ]);
});

test.runIf(has('fish'))(
  'fish takes the words that begin as the one before the cursor, and files where there are none',
  () => {
    const folder = temporaryFolder();
    const asked = path.join(folder, 'asked');
    const completed = (line: string): string => {
      const program = `${completionScripts['fish']}
      function nas; echo $argv > ${asked}; test $argv[3] = start; or printf '%s\\n' one-shot few-shot-2 few-shot-3; end
      complete -C '${line}'`;
      return execFileSync('fish', ['--no-config', '-c', program], { cwd: folder, encoding: 'utf8' });
    };
    expect(completed('nas select search few')).toBe('few-shot-2\nfew-shot-3\n');
    expect(readFileSync(asked, 'utf8')).toBe('complete -- select search few\n');
    expect(completed('nas select search ')).toBe('few-shot-2\nfew-shot-3\none-shot\n');
    writeFileSync(path.join(folder, 'mine.yml'), '');
    expect(completed('nas start mi')).toBe('mine.yml\n');
  },
);
