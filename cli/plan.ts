import type { Command } from 'commander';
import { loadPipeline } from '../pipelines/load.ts';
import { defineForPipeline } from './load.ts';
import type { LoadOptions } from './load.ts';
import { output } from './output.ts';
import { planMermaid } from './view/plan-mermaid.ts';
import { planTree } from './view/plan-tree.ts';

interface Options extends LoadOptions {
  readonly mermaid?: true;
}

export function define(command: Command): void {
  defineForPipeline(command.argument('<pipeline>', 'a pipeline file (.yml)'))
    .option('--mermaid', 'as a Mermaid flowchart instead of a tree')
    .action((pipeline: string, { mermaid, json, ...options }: Options) => {
      const plan = loadPipeline(pipeline, options);
      output(json, plan, () => (mermaid === true ? planMermaid(plan) : planTree(plan)));
    });
}
