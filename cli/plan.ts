import type { Command } from 'commander';
import { resultsRoot } from '../artifacts/paths.ts';
import { estimateOf, rateOf } from './estimate.ts';
import { forecast } from './forecast.ts';
import { defineForPipeline, loadPlan } from './load.ts';
import type { LoadOptions } from './load.ts';
import { output, positiveNumber } from './options.ts';
import { estimateLines, forecastLines, planMermaid, planTree, ranksLines } from './view/plan.ts';
import { lastSpeed } from '../runtime/speed.ts';
import { allDevices } from '../workers/devices.ts';

interface Options extends LoadOptions {
  readonly mermaid?: true;
  readonly rate?: number;
}

export function define(command: Command): void {
  defineForPipeline(command.argument('<pipeline>', 'a pipeline file (.yml)'))
    .option('--mermaid', 'as a Mermaid flowchart instead of a tree')
    .option('--rate <tflops>', 'what a card computes in 10¹² floating-point operations a second', positiveNumber)
    .action(async (pipeline: string, { mermaid, rate, ...options }: Options) => {
      const plan = loadPlan(pipeline, options);
      const forecasts = await forecast(plan, resultsRoot());
      const estimate = estimateOf(plan, rateOf(rate, await lastSpeed()));
      const { length: devices } = await allDevices();
      output(options.json, { ...plan, forecast: forecasts, estimate }, () =>
        mermaid === true
          ? planMermaid(plan)
          : [
              planTree(plan),
              ...estimateLines(estimate),
              ...ranksLines(estimate, devices),
              ...forecastLines(forecasts),
            ].join('\n'),
      );
    });
}
