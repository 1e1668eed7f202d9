import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { claimStage, commit } from '../../artifacts/fence.ts';
import { claim, first } from './fenced-claim.ts';

// An attempt as short as can be: claims its stage, waits for a word from its parent, commits one file.
const [root = '', attempt = ''] = process.argv.slice(2);
const token = { ...first, attempt: Number(attempt) };
const say = (text: string) => new Promise<void>((resolve) => process.send?.(text, () => resolve()));

await claimStage(root, 'quick/one-shot', token, claim);
await say('ready');
await new Promise((resolve) => process.once('message', resolve));
const from = path.join(root, `quick/one-shot/result-${attempt}.tmp`);
await writeFile(from, `attempt ${attempt}`);
try {
  await commit(root, 'quick/one-shot', token, (m) => m, [{ from, to: 'quick/one-shot/result.txt' }]);
  await say('committed');
} catch (error) {
  await say(String(error));
}
process.disconnect();
