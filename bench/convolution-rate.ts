import type { Supernet } from '../nas/supernet/supernet.ts';
import { conv2d } from '../nas/supernet/convolution.ts';
import { cast, leading } from '../nas/supernet/ops.ts';
import { dispose, readFloats, tensor } from '../nas/supernet/tensorflow.ts';

/** GFLOP/s of the fastest 3×3 convolution among the widest of each stage, on `batch` images of the largest resolution. */
export function convolutionRate({ space, precision }: Supernet, batch: number): number {
  let size = space.resolutions.at(-1)! / space.stem.stride / (space.stem.pool ? 2 : 1);
  let best = 0;
  for (const { base, stride } of space.stages) {
    size = Math.ceil(size / stride);
    const floats = [
      tensor(new Float32Array(batch * size * size * base), [batch, size, size, base]),
      tensor(new Float32Array(9 * base * base), [3, 3, base, base]),
    ];
    const [x, weight] = precision === 'bf16' ? floats.map((t) => cast(t, 'bfloat16')) : floats;
    for (let time = 0; time < 12; time++) {
      const start = performance.now();
      const y = conv2d(x!, weight!, 1);
      // A card works on its own: one value of the result is there when all of it is.
      const one = leading(y, [1, 1, 1, 1]);
      const read = cast(one, 'float32');
      readFloats(read);
      dispose(y, one, read);
      const seconds = (performance.now() - start) / 1000;
      best = Math.max(best, (2 * 9 * base * base * batch * size * size) / seconds / 1e9);
    }
    dispose(...floats, x!, weight!);
  }
  return best;
}
