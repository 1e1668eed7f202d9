import type { Manifest } from '../../artifacts/manifest.ts';

/** The manifest of a stage `one` that is done; its one output is that file. */
export function finishedManifest(file: string): Manifest {
  return {
    version: 2,
    sequence: 1,
    nonce: '',
    stage: 'one',
    uses: 'command',
    fingerprint: 'f'.repeat(64),
    begunAs: null,
    state: 'done',
    token: null,
    config: {},
    environment: {},
    epochs: [],
    checkpoints: [],
    chunks: [],
    outputs: { out: { file, sha256: '0'.repeat(64) } },
    selection: null,
    files: [],
    extras: [],
    notices: [],
    origin: null,
    reused: null,
    attempts: [],
  };
}
