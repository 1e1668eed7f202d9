import { withLock } from '../../artifacts/lock.ts';

// Takes the lock and keeps it until killed.
await withLock(process.argv[2] ?? '', async () => {
  process.send?.('holding');
  await new Promise((resolve) => setTimeout(resolve, 60_000));
});
