import { prefixTree } from '../space/prefix-tree.ts';
import type { Subnet } from '../space/space.ts';
import type { BlockModule, ConvNorm } from '../supernet/modules.ts';
import type { Supernet } from '../supernet/network.ts';
import { conv2d } from '../supernet/convolution.ts';
import { lanes } from '../supernet/lanes.ts';
import { add, biasAdd, cast, leading, matmul, relu } from '../supernet/ops.ts';
import { maxPool, meanPool } from '../supernet/pooling.ts';
import { dispose, readFloats } from '../supernet/tensorflow.ts';
import type { Tensor } from '../supernet/tensorflow.ts';
import { eachNorm, sharing } from './sharing.ts';
import type { Branch, Family, Member, Trunk } from './sharing.ts';
import type { Statistics } from './statistics.ts';

/** Called with the logits [images, classes] of the subnets that share them. */
type Visit = (subnets: readonly number[], logits: Float32Array) => void;

/**
 * Evaluates many subnets of one supernet at once, as a tree: what two of them have in common is computed once. A pass
 * takes one batch depth-first, so memory is bounded by depth and not by the number of subnets; it is a generator, so
 * that whoever drives it can let the event loop turn or stop it at any branch.
 * The walk holds slices of the supernet's parameters, which must not change before `dispose`.
 */
export class TreeWalk {
  /** Branches, and so steps, of one pass. */
  readonly steps: number;
  readonly #net: Supernet;
  readonly #trunk: Trunk;

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
    this.#net.parameters.releaseSlices();
  }

  *#stem(images: Tensor, visit: Visit | null): Generator<void> {
    const { space, precision, modules } = this.#net;
    const { width, norm, branches } = this.#trunk;
    const x = precision === 'bf16' ? cast(images, 'bfloat16') : images;
    const sum = this.#convNorm(x, space.channels, modules.stem, width, space.stem.stride, norm, visit);
    const activated = activate(sum);
    if (x !== images) dispose(x);
    const y = space.stem.pool ? maxPool(activated) : activated;
    if (y !== activated) dispose(activated);
    yield* this.#branches(y, branches, visit);
  }

  /** Takes y over. */
  *#branches(y: Tensor, branches: readonly Branch[], visit: Visit | null): Generator<void> {
    try {
      for (const branch of branches) {
        const x = narrowed(y, branch.width);
        try {
          yield;
          if (visit && branch.subnets.length > 0) visit(branch.subnets, this.#logits(x, branch));
          for (const family of branch.families) yield* this.#family(x, family, visit);
        } finally {
          if (x !== y) dispose(x);
        }
      }
    } finally {
      dispose(y);
    }
  }

  *#family(x: Tensor, family: Family, visit: Visit | null): Generator<void> {
    const { conv1, shortcut: convolution } = this.#module(family);
    const { in: input, mid, stride, norm } = family;
    const inner = activate(this.#convNorm(x, input, conv1, mid, stride, norm, visit));
    const shortcut =
      family.shortcut &&
      this.#convNorm(x, input, convolution, family.shortcut.out, stride, family.shortcut.norm, visit);
    try {
      for (const member of family.members) {
        const y = this.#join(inner, member.identity ? x : shortcut!, family, member, visit);
        yield* this.#branches(y, member.branches, visit);
      }
    } finally {
      dispose(inner);
      if (shortcut) dispose(shortcut);
    }
  }

  /** ReLU(bn2(conv2(inner)) + shortcut), both cut to what the member has of them. */
  #join(inner: Tensor, shortcut: Tensor, family: Family, member: Member, visit: Visit | null): Tensor {
    const { conv2 } = this.#module(family);
    const own = narrowed(inner, member.mid);
    const branch = this.#convNorm(own, member.mid, conv2, member.out, 1, member.norm, visit);
    const added = narrowed(shortcut, member.out);
    const y = activate(add(branch, added));
    dispose(branch);
    if (own !== inner) dispose(own);
    if (added !== shortcut) dispose(added);
    return y;
  }

  #module({ stage, group, block }: Family): BlockModule {
    return this.#net.modules.blocks[stage]![group]![block]!;
  }

  /** x [n, h, w, lanes(input)] → [n, h', w', lanes(out)]; gathers the statistics or uses them. */
  #convNorm(
    x: Tensor,
    input: number,
    unit: ConvNorm,
    out: number,
    stride: number,
    norm: Statistics,
    visit: Visit | null,
  ): Tensor {
    const conv = conv2d(x, unit.weight.slice(out, input), stride);
    const affine = { gamma: unit.gamma.slice(out), beta: unit.beta.slice(out) };
    const { epsilon } = this.#net;
    const y = visit ? norm.apply(conv, affine, epsilon) : norm.gather(conv, affine, epsilon);
    dispose(conv);
    return y;
  }

  #logits(x: Tensor, { group, width }: Branch): Float32Array {
    const { classes, modules } = this.#net;
    const { weight, bias } = modules.classifiers[group]!;
    const full = x.dtype === 'float32' ? x : cast(x, 'float32');
    const pooled = meanPool(full);
    const product = matmul(pooled, weight.slice(classes, width));
    const logits = biasAdd(product, bias.value());
    const values = readFloats(logits);
    if (full !== x) dispose(full);
    dispose(pooled, product, logits);
    return values;
  }
}

function activate(x: Tensor): Tensor {
  const y = relu(x);
  dispose(x);
  return y;
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
