import { hasShortcut } from '../space/space.ts';
import type { GroupedBlock } from './block.ts';
import type { BlockModule } from './modules.ts';
import { add, multiply, relu, reluGradient } from './ops.ts';
import { dispose } from './tensorflow.ts';
import type { Tensor } from './tensorflow.ts';
import { unitBackward, unitForward } from './trained-unit.ts';
import type { UnitRecord } from './trained-unit.ts';

/** What the backward pass of a residual block needs. The output y is freed with it, the input is not. */
export interface BlockRecord {
  readonly first: UnitRecord;
  readonly inner: Tensor;
  readonly second: UnitRecord;
  readonly shortcut: UnitRecord | null;
  readonly mask: Tensor | null;
  readonly y: Tensor;
}

/**
 * ReLU(branch + shortcut) under batch statistics; x [n, h, w, lanes(in)] → record.y [n, h', w', lanes(out)].
 * @param mask drop connect: [n, 1, 1, 1], 0 where a sample's branch is dropped, 1 / (1 - rate) elsewhere; freed with the
 * record
 */
export function trainedBlockForward(
  module: BlockModule,
  x: Tensor,
  at: GroupedBlock,
  epsilon: number,
  mask: Tensor | null,
): BlockRecord {
  const first = unitForward(module.conv1, x, at.in, at.mid, at.stride, epsilon);
  const inner = relu(first.y);
  const second = unitForward(module.conv2, inner, at.mid, at.out, 1, epsilon);
  const branch = mask ? multiply(second.y, mask) : second.y;
  const shortcut = hasShortcut(at) ? unitForward(module.shortcut, x, at.in, at.out, at.stride, epsilon) : null;
  const sum = add(branch, shortcut?.y ?? x);
  const y = relu(sum);
  dispose(first.y, second.y, branch, sum);
  if (shortcut) dispose(shortcut.y);
  return { first: first.record, inner, second: second.record, shortcut: shortcut?.record ?? null, mask, y };
}

/** Adds the block's gradients into its parameters, frees dy and the record, and returns dLoss/dx. */
export function trainedBlockBackward({ first, inner, second, shortcut, mask, y }: BlockRecord, dy: Tensor): Tensor {
  const dSum = reluGradient(dy, y);
  dispose(dy, y);
  const dBranch = mask ? multiply(dSum, mask) : dSum;
  const dInner = unitBackward(second, dBranch);
  if (mask) dispose(mask, dBranch);
  const dFirst = reluGradient(dInner, inner);
  dispose(dInner, inner);
  const viaBranch = unitBackward(first, dFirst);
  dispose(dFirst);
  const viaShortcut = shortcut ? unitBackward(shortcut, dSum) : dSum;
  const dx = add(viaBranch, viaShortcut);
  dispose(viaBranch, viaShortcut, dSum);
  return dx;
}
