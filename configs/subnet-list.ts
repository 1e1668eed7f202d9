// The two forms of a list of subnets. Pure: read by the pipeline loader, which checks it, and by the process that uses it.
import { z } from 'zod';

/** A subnet by name; `arch1` is the first of a list that gives no names. */
export interface ListedSubnet {
  readonly name: string;
  readonly arch: string;
}

/** A subnet that was trained alone: top-1 in percent. */
export interface MeasuredSubnet extends ListedSubnet {
  readonly acc: number;
}

const Table = z.record(z.string().min(1), z.looseObject({ arch: z.string(), acc: z.number() }));

/**
 * Reads a list of subnets: one arch code a line (blank lines and # comments aside), or the original's JSON
 * `{"arch1": {"arch": …}, …}`. Codes are not checked here, the space is not known.
 * @throws Error of one line that says what is wrong
 */
export function parseSubnetList(text: string): ListedSubnet[] {
  if (/^\s*\{/.test(text)) return parseGroundTruth(text);
  const codes = text.split(/\r?\n/).map((line) => line.replace(/#.*/, '').trim());
  return codes.filter((code) => code !== '').map((arch, index) => ({ name: `arch${index + 1}`, arch }));
}

/**
 * Reads accuracies of subnets, `{"arch1": {"arch": "1…", "acc": 70.4}, …}`, in the order of the file.
 * @throws Error of one line that says what is wrong
 */
export function parseGroundTruth(text: string): MeasuredSubnet[] {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new Error(`expected JSON, got an error: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  const parsed = Table.safeParse(data);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Error(
      `expected {"arch1": {"arch": "1…", "acc": 70.4}, …}, got at ${issue?.path.join('.') || 'the top'}: ${issue?.message}`,
    );
  }
  return Object.entries(parsed.data).map(([name, { arch, acc }]) => ({ name, arch, acc }));
}
