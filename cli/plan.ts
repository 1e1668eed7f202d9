import type { Command } from 'commander';
import { resultsRoot } from '../artifacts/paths.ts';
import { forecast } from './forecast.ts';
import { defineForPipeline, loadPlan } from './load.ts';
import type { LoadOptions } from './load.ts';
import { output } from './output.ts';
import { forecastLines } from './view/forecast-lines.ts';
import { planMermaid } from './view/plan-mermaid.ts';
import { planTree } from './view/plan-tree.ts';

interface Options extends LoadOptions {
  readonly mermaid?: true;
}

export function define(command: Command): void {
  defineForPipeline(command.argument('<pipeline>', 'a pipeline file (.yml)'))
    .option('--mermaid', 'as a Mermaid flowchart instead of a tree')
    .action(async (pipeline: string, { mermaid, ...options }: Options) => {
      const plan = loadPlan(pipeline, options);
      const forecasts = await forecast(plan, resultsRoot());
      output(options.json, { ...plan, forecast: forecasts }, () =>
        mermaid === true ? planMermaid(plan) : [planTree(plan), ...forecastLines(forecasts)].join('\n'),
      );
    });
}
