import { createHash } from 'node:crypto';
import pc from 'picocolors';
import { z } from 'zod';
import type { Ancestor, Lineage, Link } from '../lineage.ts';

/** A lineage as text: each file with its hash and whether it is as it was, below it the stage that made it and what that took in. */
export function lineageTree({ files, stages }: Lineage): string {
  const shown = new Set<string>();
  const lines = (link: Link, indent: string): string[] => {
    const { file, sha256, found, madeBy } = link;
    const mark = found === 'the same' ? pc.green('✓') : pc.red('✗');
    const wrong = found === 'the same' ? '' : pc.red(` ${found}`);
    const head = `${indent}${mark} ${file} ${pc.dim(`sha256 ${sha256}`)}${wrong}`;
    const stage = madeBy === null ? undefined : stages.get(madeBy);
    if (stage === undefined) return [head];
    if (shown.has(stage.directory)) return [head, `${indent}    made by ${stage.directory}, as above`];
    shown.add(stage.directory);
    return [
      head,
      ...factsOf(stage).map((fact) => `${indent}    ${fact}`),
      ...stage.inputs.flatMap((input) => lines(input, `${indent}    `)),
    ];
  };
  return files.flatMap((file) => lines(file, '')).join('\n');
}

const Facts = z.looseObject({
  seed: z.number().optional(),
  seeds: z.array(z.number()).optional(),
  dataset: z.looseObject({ name: z.string() }).optional(),
});

/** What stands in a manifest beside its files: kind, fingerprint, seeds, data, versions, who chose which epoch. */
export function factsOf({ directory, manifest }: Ancestor): string[] {
  const { uses, fingerprint, config, environment, selection, reused } = manifest;
  const facts = Facts.safeParse(config).data ?? {};
  const seeds = facts.seeds ?? (facts.seed === undefined ? [] : [facts.seed]);
  const versions = Object.entries(environment).map(
    ([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return [
    `made by ${directory} (${uses}), fingerprint ${fingerprint}`,
    `config sha256 ${hashOf(config)}${seeds.length === 0 ? '' : `, seed ${seeds.join(', ')}`}`,
    ...(facts.dataset === undefined
      ? []
      : [`data ${facts.dataset.name}, sha256 of its description ${hashOf(facts.dataset)}`]),
    ...(versions.length === 0 ? [] : [`versions ${versions.join(', ')}`]),
    ...(selection === null ? [] : [`epoch ${selection.epoch} chosen by ${selection.who}: ${selection.why}`]),
    ...(reused === null ? [] : [reused.why]),
  ];
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
