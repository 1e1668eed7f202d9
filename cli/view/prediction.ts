import { columns } from './columns.ts';

/** A class with the network's probability for it. */
export interface Guess {
  readonly class: number;
  /** Null where the data set names no classes. */
  readonly name: string | null;
  readonly probability: number;
}

/** The five classes with the largest logits, by softmax; of equal ones the first class goes first. */
export function likeliest(logits: readonly number[], names: readonly string[] | null): Guess[] {
  const largest = Math.max(...logits);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - largest), 0);
  return logits
    .map((logit, at) => ({ class: at, name: names?.[at] ?? null, probability: Math.exp(logit - largest) / sum }))
    .toSorted((a, b) => b.probability - a.probability)
    .slice(0, 5);
}

/** A picture and what is seen in it, the likeliest first. */
export function predictionText({ image, top }: { readonly image: string; readonly top: readonly Guess[] }): string {
  const rows = top.map(({ class: label, name, probability }) => [
    `  ${(100 * probability).toFixed(1).padStart(5)} %`,
    name ?? `class ${label}`,
  ]);
  return [image, ...columns(rows)].join('\n');
}
