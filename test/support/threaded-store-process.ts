import { ThreadedStore } from '../../artifacts/s3/threaded-store.ts';

// Asks a store with a thread of its own twice, says what came, and has nothing more to do.

const store = new ThreadedStore(process.argv[2] ?? '');
const file = { file: 'run/stage/file', sha256: '0'.repeat(64) };
const first = await store.bytesOf(file);
console.log(`${first} ${await store.bytesOf(file)}`);
process.disconnect();
