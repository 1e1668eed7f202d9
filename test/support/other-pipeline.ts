// The workflow of another release, which goes another way than ours: bundled by test/workflow/upgrade.test.ts.
import { sleep } from '@temporalio/workflow';

export async function pipeline(): Promise<void> {
  await sleep('1 hour');
}
