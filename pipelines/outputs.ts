/**
 * What a stage of each kind gives to `${{ stages.<id>.<output> }}`. Paths are relative to the results root. `report` → `report`,
 * `ground-truth-table` → `table` and `command` → `files.<name>` give `{file, sha256}`. Types only.
 */

/** `train-supernet` → `selected`. */
export interface SelectedSupernet {
  readonly file: string;
  readonly sha256: string;
  readonly epoch: number;
  /** Null where all ground-truth subnets tie. */
  readonly tau: number | null;
  /** K: 1 = one-shot. */
  readonly groups: number;
}

/** `train-standalone` → `result`: a JSON file with one accuracy a seed. */
export interface StandaloneResult {
  readonly file: string;
  readonly sha256: string;
  readonly arch: string;
  /** Mean top-1 over the seeds, in percent. */
  readonly mean: number;
}

/** `evaluate-subnets` → `part`: one part of the ranking. */
export interface RankingPart {
  /** Files in the original's form, `{"archN": {"arch": …, "acc": …}}`. */
  readonly top1: string;
  readonly top5: string;
  readonly sha256: { readonly top1: string; readonly top5: string };
  /** How many subnets this part holds. */
  readonly subnets: number;
  /** sha256 of the whole set the part was cut from, and which part of how many it is. */
  readonly set: { readonly sha256: string; readonly part: number; readonly parts: number };
}

/** `merge-results` → `ranking`. */
export interface Ranking {
  readonly top1: string;
  readonly top5: string;
  readonly sha256: { readonly top1: string; readonly top5: string };
  readonly subnets: number;
}
