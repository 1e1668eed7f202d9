import { TypedSearchAttributes } from '@temporalio/common';
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import { expect, test } from 'vitest';
import * as messages from '../../plan/messages.ts';
import { activityIdOf, parseActivityId } from '../../plan/names.ts';
import { pipelineValue, searchAttributes, searchValueOf } from '../../plan/search.ts';

test('activity ids name the stage, the cell and the round', () => {
  expect(parseActivityId(activityIdOf('few-shot-3', 1))).toEqual({ stage: 'few-shot-3', cell: null, round: 1 });
  expect(parseActivityId(activityIdOf('evaluate.3', 2))).toEqual({ stage: 'evaluate', cell: '3', round: 2 });
});

test('messages are what the library of workflows would make of them, so that other programs can send them', () => {
  const { selectEpochUpdate, selectEpochSignal, retryStageUpdate, skipStageUpdate, abortStageUpdate } = messages;
  const { pauseSignal, resumeSignal, statusQuery } = messages;
  const definitions = [selectEpochUpdate, selectEpochSignal, retryStageUpdate, skipStageUpdate, abortStageUpdate];
  expect([...definitions, pauseSignal, resumeSignal, statusQuery]).toEqual([
    defineUpdate('selectEpoch'),
    defineSignal('selectEpoch'),
    defineUpdate('retryStage'),
    defineUpdate('skipStage'),
    defineUpdate('abortStage'),
    defineSignal('pause'),
    defineSignal('resume'),
    defineQuery('status'),
  ]);
});

test('what a run says of itself to the server is found by its name, and undefined where it says nothing', () => {
  const { key, value } = pipelineValue('quickstart');
  expect(searchAttributes[key.name]).toBe(key.type);
  const said = new TypedSearchAttributes([
    { key: { name: 'NasState', type: 'KEYWORD' }, value: 'done' },
    { key, value },
  ]);
  expect(searchValueOf(said, 'NasPipeline')).toBe('quickstart');
  expect(searchValueOf(said, 'NasState')).toBe('done');
  expect(searchValueOf(said, 'NasTau')).toBeUndefined();
});
