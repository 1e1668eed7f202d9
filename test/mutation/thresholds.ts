import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

export const THRESHOLDS = 'test/mutation/thresholds.json';

const Percentage = z.number().min(0).max(100);

/**
 * By folder of code, or by file: the tests that look at it, and the percentage of changes that they must notice; null: not measured
 * yet. Where all changes would take hours, `sample` in a hundred are tried, the same ones every time.
 */
const Thresholds = z.record(
  z.string(),
  z.strictObject({ tests: z.string(), noticed: Percentage.nullable(), sample: Percentage.optional() }),
);
export type Thresholds = z.infer<typeof Thresholds>;

/** @throws ZodError or SyntaxError where the text is something else */
export function parseThresholds(text: string): Thresholds {
  return Thresholds.parse(JSON.parse(text));
}

export function readThresholds(root: string): Thresholds {
  return parseThresholds(readFileSync(path.join(root, THRESHOLDS), 'utf8'));
}

export function writeThresholds(root: string, thresholds: Thresholds): void {
  writeFileSync(path.join(root, THRESHOLDS), `${JSON.stringify(thresholds, null, 2)}\n`);
}

/** The file or folder whose threshold holds for a file; undefined where none does. */
export function placeOf(file: string, thresholds: Thresholds): string | undefined {
  // Files before folders.
  const places = Object.keys(thresholds).toSorted((a, b) => b.length - a.length);
  return places.find((place) => file === place || file.startsWith(`${place}/`));
}

/** Whether tests are all pure: done in tenths of a second, and safe in threads. */
export function arePure(tests: string): boolean {
  return tests.startsWith('test/pure/');
}

/** Whether tests look at code that workflows carry out, or processes of their own: it is not seen there which test reaches what. */
export function areElsewhere(tests: string): boolean {
  return areOfWorkflows(tests) || tests.startsWith('test/process/');
}

/** Whether tests look at workflows, whose code is carried out in an isolate of its own. */
export function areOfWorkflows(tests: string): boolean {
  return tests.startsWith('test/workflow/');
}

/** Whether tests ask a gateway of S3, as those of `npm run test:s3` do. */
export function askGateway(tests: string): boolean {
  return /[/{,]s3\//.test(tests);
}
