import type { BnStatistics } from './bn-statistics.ts';
import { prefixTree } from './prefix-tree.ts';
import { eachNorm, sharing } from './sharing.ts';
import type { Branch, Family, Member, Trunk } from './sharing.ts';
import { convolve, formsOf, reformed, WeightCache } from './stage-form.ts';
import type { Forms, StageForm } from './stage-form.ts';
import { blockLayers, classifierLayer, stemLayer } from '../../space/network.ts';
import type { ConvNorm } from '../../space/network.ts';
import type { Subnet } from '../../space/space.ts';
import { activations } from '../../supernet/activations.ts';
import { lanes } from '../../supernet/memory-layout.ts';
import { add, biasAdd, cast, leading, matmul } from '../../supernet/ops.ts';
import { maxPool, meanPool } from '../../supernet/pooling.ts';
import type { Supernet } from '../../supernet/supernet.ts';
import { dispose, readFloats } from '../../supernet/tensorflow.ts';
import type { Tensor } from '../../supernet/tensorflow.ts';

/** Called with the logits [images, classes] of the subnets that share them. */
type Visit = (subnets: readonly number[], logits: Float32Array) => void;

/**
 * Evaluates many subnets of one supernet at once, as a tree: what two of them have in common is computed once. A pass
 * takes one batch depth-first, so memory is bounded by depth and not by the number of subnets; it is a generator, so
 * that whoever drives it can let the event loop turn or stop it at any branch.
 * Layers are those of every other pass; `pass` itself serves one subnet, and here siblings share its steps.
 * The walk holds slices of the supernet's parameters, which must not change before `dispose`.
 */
export class TreeWalk {
  /** Branches, and so steps, of one pass. */
  readonly steps: number;
  readonly #net: Supernet;
  readonly #trunk: Trunk;
  /** For the size of the first images: all have the same. */
  #forms: Forms | undefined;
  readonly #weights = new WeightCache();

  constructor(net: Supernet, subnets: readonly Subnet[]) {
    this.#net = net;
    this.#trunk = sharing(prefixTree(net.space, subnets, net.groups));
    this.steps = countBranches(this.#trunk.branches);
  }

  /** Gathers BN statistics of one batch, [n, h, w, channels]. */
  *calibrate(images: Tensor): Generator<void> {
    yield* this.#stem(images, null);
  }

  /** Ends calibration: from now on the averages of what was gathered are used. */
  settle(): void {
    eachNorm(this.#trunk, (norm) => norm.settle());
  }

  /** Gives the logits of one batch of every subnet to `visit`. */
  *test(images: Tensor, visit: Visit): Generator<void> {
    yield* this.#stem(images, visit);
  }

  dispose(): void {
    eachNorm(this.#trunk, (norm) => norm.dispose());
    this.#weights.dispose();
    this.#net.parameters.releaseSlices();
  }

  *#stem(images: Tensor, visit: Visit | null): Generator<void> {
    const { space } = this.#net;
    const { width, norm, branches } = this.#trunk;
    this.#forms ??= formsOf(this.#net, images.shape[1]!);
    const form = this.#forms.images;
    const x = form.dtype === 'float32' ? images : cast(images, form.dtype);
    const activated = this.#convNorm(x, stemLayer(space, width), { norm, rectified: true }, form, visit);
    if (x !== images) dispose(x);
    const y = space.stem.pool ? maxPool(activated) : activated;
    if (y !== activated) dispose(activated);
    yield* this.#branches(y, branches, form, visit);
  }

  /** Takes y, activations in this form, over. */
  *#branches(y: Tensor, branches: readonly Branch[], form: StageForm, visit: Visit | null): Generator<void> {
    try {
      for (const branch of branches) {
        const x = narrowed(y, branch.width);
        try {
          yield;
          if (visit && branch.subnets.length > 0) visit(branch.subnets, this.#logits(x, branch, form));
          for (const family of branch.families) yield* this.#family(x, family, form, visit);
        } finally {
          if (x !== y) dispose(x);
        }
      }
    } finally {
      dispose(y);
    }
  }

  *#family(x: Tensor, family: Family, from: StageForm, visit: Visit | null): Generator<void> {
    const { conv1, shortcut: convolution } = blockLayers(family);
    const { stage, stride, norm } = family;
    const form = this.#forms!.stages[stage]!;
    // Only plain convolutions have strides.
    const own = reformed(x, from, { ...form, layout: stride === 1 ? form.layout : 'images' });
    const inner = this.#convNorm(own, conv1, { norm, rectified: true }, form, visit);
    const shortcut =
      family.shortcut &&
      this.#convNorm(own, { ...convolution, out: family.shortcut.out }, family.shortcut, form, visit);
    try {
      for (const member of family.members) {
        const y = this.#join(inner, member.identity ? own : shortcut!, family, member, visit);
        yield* this.#branches(y, member.branches, form, visit);
      }
    } finally {
      dispose(inner);
      if (own !== x) dispose(own);
      if (shortcut) dispose(shortcut);
    }
  }

  /** activation(bn2(conv2(inner)) + shortcut), both cut to what the member has of them. */
  #join(inner: Tensor, shortcut: Tensor, family: Family, member: Member, visit: Visit | null): Tensor {
    const { mid, out } = member;
    const { conv2 } = blockLayers({ ...family, mid, out });
    const own = narrowed(inner, mid);
    const branch = this.#convNorm(own, conv2, member, this.#forms!.stages[family.stage]!, visit);
    const added = narrowed(shortcut, out);
    const sum = add(branch, added);
    const y = activations[this.#net.space.activation ?? 'relu'].forward(sum);
    dispose(branch, sum);
    if (own !== inner) dispose(own);
    if (added !== shortcut) dispose(added);
    return y;
  }

  /**
   * x, images where the stride is 2 and else in the form, → the form, with a ReLU where it is `rectified`; gathers the
   * statistics or uses them.
   */
  #convNorm(
    x: Tensor,
    layer: ConvNorm,
    { norm, rectified = false }: { readonly norm: BnStatistics; readonly rectified?: boolean },
    form: StageForm,
    visit: Visit | null,
  ): Tensor {
    const { weight, gamma, beta } = this.#net.convNorm(layer);
    const conv = this.#weights.use(weight, layer, form, (part) => convolve(x, part, layer.stride, form));
    const affine = { gamma: gamma.slices.exact(layer.out), beta: beta.slices.exact(layer.out) };
    const { epsilon } = this.#net;
    const y = visit ? norm.apply(conv, affine, epsilon, rectified) : norm.gather(conv, affine, epsilon, rectified);
    dispose(conv);
    return y;
  }

  #logits(x: Tensor, { group, width }: Branch, { layout }: StageForm): Float32Array {
    const { space, classes } = this.#net;
    const { weight, bias } = this.#net.classifier(classifierLayer(space, group, width, classes));
    const full = x.dtype === 'float32' ? x : cast(x, 'float32');
    const pooled = meanPool(full, layout === 'maps' ? [0, 1] : [1, 2]);
    const product = matmul(pooled, weight.slices.exact(classes, width));
    const logits = biasAdd(product, bias.value());
    const values = readFloats(logits);
    if (full !== x) dispose(full);
    dispose(pooled, product, logits);
    return values;
  }
}

/**
 * The leading channels of x [n, h, w, c] that `width` needs: x itself where it has no more. A lane behind `width` may hold
 * a wider sibling's channel; every weight that reads it is zero.
 */
function narrowed(x: Tensor, width: number): Tensor {
  const [n, h, w, channels] = x.shape;
  const needed = lanes(width, x.dtype);
  return needed === channels ? x : leading(x, [n!, h!, w!, needed]);
}

function countBranches(branches: readonly Branch[]): number {
  let count = branches.length;
  for (const { families } of branches) {
    for (const { members } of families) for (const member of members) count += countBranches(member.branches);
  }
  return count;
}
