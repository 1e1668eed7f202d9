import path from 'node:path';
import { atomicWrite } from '../artifacts/files.ts';
import { editorSchema } from './schema.ts';

/** Writes pipelines/schema.json; run it after changing a schema: `npx tsx pipelines/write-schema.ts`. */

await atomicWrite(path.join(import.meta.dirname, 'schema.json'), `${JSON.stringify(editorSchema(), null, 1)}\n`);
