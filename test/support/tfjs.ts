import { createRequire, Module } from 'node:module';
import type * as tfjs from '@tensorflow/tfjs-node-gpu';
import { bindingFile } from '../../runtime/layout.ts';

const require = createRequire(import.meta.url);

/** The whole of TensorFlow.js on the project's own binding (1 s): with its gradients, ours are compared. */
export function loadTfjs(): typeof tfjs {
  // It calls a function that Node 22 deprecates and 23 lacks.
  const util: { isNullOrUndefined?: (value: unknown) => boolean } = require('node:util');
  util.isNullOrUndefined = (value) => value === null || value === undefined;
  // It asks node-pre-gyp where its binding lies.
  const name = '@tensorflow/tfjs-node-gpu';
  const finder = createRequire(require.resolve(`${name}/package.json`)).resolve('@mapbox/node-pre-gyp');
  const answer = new Module(finder);
  answer.exports = { find: () => bindingFile };
  answer.loaded = true;
  require.cache[finder] = answer;
  const tf: typeof tfjs = require(name);
  return tf;
}
