import type { WorkflowHandle } from '@temporalio/client';
import { registerAttributes } from '../../workers/search.ts';
import { asked, planOf, TestRun } from '../support/pipeline-server.ts';
import type { PipelineServer } from '../support/pipeline-server.ts';

/** How a run can go: one history of each is recorded, and must replay for as long as such runs may be open. */
export const shapes: Readonly<Record<string, (server: PipelineServer) => Promise<WorkflowHandle>>> = {
  async straight(server) {
    const run = await server.start(
      planOf(
        { id: 'one-shot', uses: 'epochs', select: { ...asked, wait: 'none' } },
        {
          id: 'evaluate',
          uses: 'echo',
          needs: ['one-shot'],
          matrix: [{ part: 1 }, { part: 2 }],
          with: { value: '${{ stages.one-shot.selected.epoch }}' },
        },
        { id: 'merge', uses: 'echo', needs: ['evaluate'], with: { value: '${{ stages.evaluate.value }}' } },
      ),
    );
    await run.handle.result();
    return run.handle;
  },
  async retried(server) {
    const retry = { maximumAttempts: 3, initialIntervalMs: 50, backoffCoefficient: 1 };
    const run = await server.start(planOf({ id: 'one-shot', uses: 'brittle', with: { fails: 1 }, retry }));
    await run.handle.result();
    return run.handle;
  },
  async 'parked-and-retried'(server) {
    const run = await server.start(planOf({ id: 'one-shot', uses: 'brittle', with: { fails: 1, value: 'a' } }));
    await run.untilStage('one-shot', 'parked');
    await run.handle.executeUpdate('retryStage', { args: [{ stage: 'one-shot', set: { value: 'b' } }] });
    await run.handle.result();
    return run.handle;
  },
  async skipped(server) {
    const run = await server.start(
      planOf(
        { id: 'one-shot', uses: 'brittle', with: { fails: 9 } },
        { id: 'after', uses: 'echo', needs: ['one-shot'] },
      ),
    );
    await run.untilStage('one-shot', 'parked');
    await run.handle.executeUpdate('skipStage', { args: [{ stage: 'one-shot' }] });
    await run.handle.result();
    return run.handle;
  },
  async aborted(server) {
    const run = await server.start(planOf({ id: 'one-shot', uses: 'brittle', with: { fails: 9 } }));
    await run.untilStage('one-shot', 'parked');
    await run.handle.executeUpdate('abortStage', { args: [{ stage: 'one-shot' }] });
    await run.handle.result().catch(() => undefined);
    return run.handle;
  },
  async 'selected-by-signal'(server) {
    const run = await server.start(planOf({ id: 'one-shot', uses: 'epochs', select: asked }));
    await run.untilStage('one-shot', 'selecting');
    await run.handle.signal('selectEpoch', { stage: 'one-shot', epoch: 9 });
    await run.handle.signal('selectEpoch', { stage: 'one-shot', epoch: 1 });
    await run.handle.result();
    return run.handle;
  },
  async 'selected-by-update'(server) {
    const run = await server.start(planOf({ id: 'one-shot', uses: 'epochs', select: { ...asked, timeoutMs: 60_000 } }));
    await run.untilStage('one-shot', 'selecting');
    await run.handle.executeUpdate('selectEpoch', { args: [{ stage: 'one-shot', epoch: 1 }] });
    await run.handle.result();
    return run.handle;
  },
  async 'selected-by-timeout'(server) {
    const run = await server.start(planOf({ id: 'one-shot', uses: 'epochs', select: { ...asked, timeoutMs: 100 } }));
    await run.handle.result();
    return run.handle;
  },
  async paused(server) {
    const run = await server.start(planOf({ id: 'one-shot', uses: 'endless', work: 'heavy' }));
    await run.untilStage('one-shot', 'running');
    await run.handle.signal('pause');
    await run.untilStage('one-shot', 'paused');
    await run.handle.signal('resume');
    await run.handle.result();
    return run.handle;
  },
  async cancelled(server) {
    const run = await server.start(planOf({ id: 'one-shot', uses: 'endless', work: 'heavy' }));
    await run.untilStage('one-shot', 'running');
    await run.handle.cancel();
    await run.handle.result().catch(() => undefined);
    return run.handle;
  },
  async 'sub-pipeline'(server) {
    const inner = planOf({ id: 'inner', uses: 'echo', with: { value: '${{ params.word }}' } });
    const run = await server.start(planOf({ id: 'sub', uses: 'pipeline', plan: { ...inner, params: { word: 'a' } } }));
    await run.handle.result();
    return run.handle;
  },
  async 'condition-parked'(server) {
    const run = await server.start(
      planOf(
        { id: 'one-shot', uses: 'echo', with: { value: {} } },
        { id: 'if', uses: 'echo', needs: ['one-shot'], if: 'stages.one-shot.value.tau > 0' },
      ),
    );
    await run.untilStage('if', 'parked');
    await run.handle.executeUpdate('retryStage', { args: [{ stage: 'if' }] });
    await run.untilStage('if', 'parked');
    await run.handle.executeUpdate('skipStage', { args: [{ stage: 'if' }] });
    await run.handle.result();
    return run.handle;
  },
  async 'choice-refused'(server) {
    const select = { ...asked, wait: 'none' } as const;
    const run = await server.start(planOf({ id: 'one-shot', uses: 'epochs', select, with: { refuses: 2 } }));
    await run.untilStage('one-shot', 'parked');
    await run.handle.executeUpdate('retryStage', { args: [{ stage: 'one-shot', set: { refuses: 9 } }] });
    await run.handle.result();
    return run.handle;
  },
  async 'child-cancelled'(server) {
    const inner = planOf({ id: 'inner', uses: 'endless', work: 'heavy' });
    const run = await server.start(planOf({ id: 'sub', uses: 'pipeline', plan: inner }));
    const child = new TestRun(server.client.workflow.getHandle(`${run.handle.workflowId}.sub`));
    await child.untilStage('inner', 'running');
    await child.handle.cancel();
    await run.untilStage('sub', 'parked');
    await run.handle.executeUpdate('retryStage', { args: [{ stage: 'sub' }] });
    await run.handle.result();
    return run.handle;
  },
  async 'continued-as-new'(server) {
    const cells = Array.from({ length: 10 }, (_, at) => ({ part: at + 1 }));
    const run = await server.start(
      planOf(
        { id: 'evaluate', uses: 'echo', matrix: cells, with: { value: '${{ matrix.part }}' } },
        { id: 'merge', uses: 'echo', needs: ['evaluate'], with: { value: '${{ stages.evaluate.value }}' } },
        { id: 'one-shot', uses: 'epochs', needs: ['merge'], select: asked },
      ),
    );
    const first = (await run.handle.describe()).runId;
    await run.untilStage('one-shot', 'selecting');
    await run.handle.executeUpdate('selectEpoch', { args: [{ stage: 'one-shot', epoch: 1 }] });
    await run.handle.result();
    return server.client.workflow.getHandle(run.handle.workflowId, first);
  },
  // The last one: the server keeps the search attributes.
  async searchable(server) {
    await registerAttributes(server.client);
    const run = await server.start(
      planOf({ id: 'one-shot', uses: 'epochs', select: asked }, { id: 'broken', uses: 'brittle', with: { fails: 1 } }),
    );
    await run.until(({ state }) => state === 'waiting');
    await run.handle.executeUpdate('retryStage', { args: [{ stage: 'broken' }] });
    await run.handle.executeUpdate('selectEpoch', { args: [{ stage: 'one-shot', epoch: 1 }] });
    await run.handle.result();
    return run.handle;
  },
};

/** Makes the server ask for a new history early, so that it can be seen. */
export const shortHistories = ['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=20'];
