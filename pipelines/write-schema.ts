/** Writes pipelines/schema.json; run it after changing a schema: `npx tsx pipelines/write-schema.ts`. */
import path from 'node:path';
import { atomicWrite } from '../artifacts/atomic-write.ts';
import { editorSchema } from './editor-schema.ts';

await atomicWrite(path.join(import.meta.dirname, 'schema.json'), `${JSON.stringify(editorSchema(), null, 1)}\n`);
