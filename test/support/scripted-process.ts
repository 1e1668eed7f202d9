// Says what its job's `says` lists and works for `lasts` milliseconds; asked to stop meanwhile, it ends with 9. Then it waits to be asked
// to stop if `waits` says so, says what `asked` lists, and ends with `code`.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

const Given = z.object({
  with: z.object({
    /** By rank. */
    says: z.array(z.array(z.unknown())),
    lasts: z.number().default(0),
    waits: z.boolean().default(false),
    asked: z.array(z.unknown()).default([]),
    /** By rank; null: for ever. */
    code: z.array(z.number().nullable()),
  }),
});
const [file = '', rank = '0', addresses = ''] = process.argv.slice(2);
const { says, lasts, waits, asked, code } = Given.parse(JSON.parse(readFileSync(file, 'utf8'))).with;
const ours = Number(rank);

async function say(message: unknown): Promise<void> {
  await new Promise((resolve) => process.send?.(message, undefined, undefined, resolve));
}

const stop = once(process, 'SIGTERM');
const { NAS_DEVICE: device, UV_THREADPOOL_SIZE: pool, NAS_RESULTS: results, NAS_STAGE: stage } = process.env;
console.log(JSON.stringify({ rank: ours, addresses, device, pool, results, stage }));
for (const message of says[ours] ?? []) await say(message);
const alive = setInterval(() => undefined, 1000);
if (lasts > 0 && (await Promise.race([stop, sleep(lasts, 'well')])) !== 'well') process.exit(9);
if (waits) await stop;
for (const message of asked) await say(message);
const end = code[ours] ?? null;
if (end !== null) process.exit(end);
alive.ref();
