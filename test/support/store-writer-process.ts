import { openStore } from '../../artifacts/results.ts';
import { HeldStage } from '../../artifacts/stage.ts';
import { claim, tokenOf } from './stage-claim.ts';
import type { Writing, Written } from './store-writer.ts';

const { root, directory, attempt, name, commits, bytes, claims }: Writing = JSON.parse(process.argv[2] ?? '');
const store = openStore(root);
const token = tokenOf({ attempt });
const sequences: number[] = [];
let error: string | null = null;
try {
  const stage = claims
    ? await HeldStage.claim(store, directory, token, claim)
    : await HeldStage.take(store, directory, token);
  for (let at = 0; at < commits; at++) {
    const file = `${directory}/${name}-${at}.bin`;
    const files = bytes === 0 ? [] : [{ file, content: Buffer.alloc(bytes, `${name} ${at}`) }];
    await stage.commit(files, (manifest, stored) => ({
      ...manifest,
      files: [...manifest.files.filter((one) => one.file !== file), ...stored.map(({ sha256 }) => ({ file, sha256 }))],
      notices: [...new Set([...manifest.notices, `${name} ${at}`])],
    }));
    sequences.push(stage.manifest.sequence);
  }
} catch (caught) {
  error = String(caught);
}
const written: Written = { sequences, error };
process.send?.(written, () => process.exit(0));
