import type { MockActivityEnvironment } from '@temporalio/testing';

/** How the work of an activity ends, also of one that is cancelled: there `run` ends before the work does. */
export async function settledIn<T>(
  environment: MockActivityEnvironment,
  work: () => Promise<T>,
): Promise<PromiseSettledResult<T>> {
  let ends: Promise<PromiseSettledResult<T>[]> = Promise.resolve([]);
  const activity = async (): Promise<void> => {
    ends = Promise.allSettled([work()]);
    await ends;
  };
  await environment.run(activity).catch(() => undefined);
  const [end] = await ends;
  return end!;
}
