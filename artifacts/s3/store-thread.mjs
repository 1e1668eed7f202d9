// Lets a worker thread read TypeScript where Node does not by itself; what it does stands in store-thread.ts.
if (!process.features.typescript) (await import('tsx/esm/api')).register();
await import('./store-thread.ts');
