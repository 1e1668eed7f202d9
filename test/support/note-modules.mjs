// Writes the address of every module that this process loads into the file that NAS_MODULES names: node --import …
import { appendFileSync } from 'node:fs';
import { register } from 'node:module';

export async function resolve(specifier, context, next) {
  const found = await next(specifier, context);
  appendFileSync(process.env.NAS_MODULES, `${found.url}\n`);
  return found;
}

// Loaded once by the main thread and once more, as hooks, by the thread that resolves.
if (!import.meta.url.endsWith('#hooks')) register(`${import.meta.url}#hooks`);
