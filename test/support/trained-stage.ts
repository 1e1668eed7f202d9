import { finishedStage } from './finished-stage.ts';

/** A stage that trained a supernet and chose its epoch 1. */
export async function trainedStage(
  root: string,
  directory: string,
  made: {
    /** What its supernet makes of the subnets of the ground truth. */
    readonly scores: readonly number[];
    readonly tau: number | null;
    readonly config: object;
    /** Its id in the pipeline; that of a cell is `stage.1`. */
    readonly stage?: string;
  },
): Promise<void> {
  const { scores, tau, config, stage = directory } = made;
  const plain = {
    file: null,
    sha256: null,
    bytes: null,
    loss: 1,
    min: { top1: 0, top5: 0 },
    max: { top1: 0, top5: 0 },
  };
  const interval: [number, number] | null = tau === null ? null : [-0.5, 0.5];
  await finishedStage(root, directory, 'train-supernet', {
    stage,
    config: JSON.parse(JSON.stringify(config)),
    epochs: [{ epoch: 1, tau, interval, groundTruth: [...scores], ...plain }],
    selection: { epoch: 1, tau, by: 'rule', who: 'max', when: '2026-01-01T00:00:00Z', why: '' },
  });
}
