import type { TypedSearchAttributes } from '@temporalio/common';
import { PIPELINE } from './names.ts';

/** What the server can be asked about runs: search attributes, by name, with their type there. They are never encrypted. */
export const searchAttributes = {
  /** Name of the pipeline. */
  NasPipeline: 'KEYWORD',
  /** A RunState. */
  NasState: 'KEYWORD',
  /** Stages that have begun and are not over. */
  NasStage: 'KEYWORD_LIST',
  /** The best of the stages' chosen epochs. */
  NasTau: 'DOUBLE',
  /** What the run asks people for, as in Wait. */
  NasWaitsFor: 'KEYWORD_LIST',
} as const;

export type SearchAttribute = keyof typeof searchAttributes;

/** What the server says of a run; undefined for what the run has not set. */
export function searchValueOf(attributes: TypedSearchAttributes, wanted: SearchAttribute): unknown {
  return attributes.getAll().find(({ key }) => key.name === wanted)?.value;
}

/** The condition, as the server writes it, that finds every open run. */
export const OPEN_RUNS = `WorkflowType = '${PIPELINE}' AND ExecutionStatus = 'Running'`;

/** What a run can wait for people for: the choice of an epoch, an answer for a stage that failed, somebody who lets it go on. */
export const waitsForPeople = ['epoch', 'parked stage', 'resume'] as const;
export type WaitForPeople = (typeof waitsForPeople)[number];

/** A value for the server; null takes it away. */
export type SearchValue =
  | { readonly key: { readonly name: SearchAttribute; readonly type: 'KEYWORD' }; readonly value: string }
  | { readonly key: { readonly name: SearchAttribute; readonly type: 'DOUBLE' }; readonly value: number | null }
  | {
      readonly key: { readonly name: SearchAttribute; readonly type: 'KEYWORD_LIST' };
      readonly value: string[] | null;
    };

/** What a run begins with. A run without it, as on a server that has no such attributes, sets none ever. */
export function pipelineValue(name: string) {
  return { key: { name: 'NasPipeline', type: 'KEYWORD' }, value: name } as const;
}
