import { BadInput } from '../../plan/endings.ts';
import { ArchCodeError, parseArchCode } from './arch-code.ts';
import { subnetOf } from './space.ts';
import type { Space, Subnet } from './space.ts';

/** A subnet of a list to rank or of the ground truth. */
export interface ListedSubnet {
  /** `arch17`: its name in every result file. */
  readonly id: string;
  readonly code: string;
  readonly subnet: Subnet;
  /** As the list states it (the ground truth's in percent); null where it states none. */
  readonly accuracy: number | null;
}

/** A list of subnets that cannot be used; the message names the line or the key. */
export class SubnetListError extends BadInput {}

/**
 * Reads a list of subnets in either form: text with one arch code a line, where line N is archN, or the original's
 * JSON, `{"archN": {"arch": "…", "acc": 70.4}}`, where `acc` may be missing.
 * @param where named in errors, usually the file
 * @throws SubnetListError at the first entry that is no subnet of the space, or stands there twice
 */
export function parseSubnetList(space: Space, text: string, where: string): ListedSubnet[] {
  const entries = text.trimStart().startsWith('{') ? jsonEntries(text, where) : lineEntries(text, where);
  if (entries.length === 0) throw new SubnetListError(`${where}: expected at least one arch code, got none`);
  const places = new Map<string, string>();
  return entries.map(({ place, id, code, accuracy }) => {
    const earlier = places.get(code);
    if (earlier !== undefined)
      throw new SubnetListError(`${place}: expected each arch code once, got ${code} of ${earlier} again`);
    places.set(code, place);
    return { id, code, subnet: readSubnet(space, code, place), accuracy };
  });
}

interface Entry {
  readonly place: string;
  readonly id: string;
  readonly code: string;
  readonly accuracy: number | null;
}

function lineEntries(text: string, where: string): Entry[] {
  const lines = text.split(/\r?\n/);
  while (lines.at(-1)?.trim() === '') lines.pop();
  return lines.map((line, index) => ({
    place: `${where}:${index + 1}`,
    id: `arch${index + 1}`,
    code: line.trim(),
    accuracy: null,
  }));
}

function jsonEntries(text: string, where: string): Entry[] {
  return Object.entries(parseJson(text, where)).map(([id, value]) => {
    const place = `${where}: ${id}`;
    if (!/^arch[1-9]\d*$/.test(id)) throw new SubnetListError(`${place}: expected a key archN, N = 1, 2, …`);
    const { arch, acc = null } = isRecord(value) ? value : {};
    if (typeof arch !== 'string') {
      throw new SubnetListError(
        `${place}: expected {"arch": "an arch code", "acc": a number}, got ${JSON.stringify(value).slice(0, 80)}`,
      );
    }
    if (acc !== null && typeof acc !== 'number')
      throw new SubnetListError(`${place}.acc: expected a number, got ${JSON.stringify(acc).slice(0, 80)}`);
    return { place, id, code: arch, accuracy: acc };
  });
}

function parseJson(text: string, where: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : {};
  } catch (error) {
    throw new SubnetListError(`${where}: expected JSON, got ${String(error)}`, { cause: error });
  }
}

function readSubnet(space: Space, code: string, place: string): Subnet {
  try {
    return subnetOf(space, parseArchCode(space, code));
  } catch (error) {
    if (!(error instanceof ArchCodeError)) throw error;
    throw new SubnetListError(`${place}: ${error.message} (space ${space.name})`, { cause: error });
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
