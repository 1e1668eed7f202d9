import { isRight } from '../score.ts';
import type { Score } from '../score.ts';

// Which images tell subnets apart: those that about half of them have right.

/** The images on which the pilots differ most, by their scores on all `images`: that share of them, ascending; of equals the first. */
export function tellingImages(pilots: readonly Score[], images: number, share: number): Int32Array {
  return chosen(pilots.length, rightOf(pilots, images), share);
}

/**
 * How many images each pilot has right of those that the others differ on most. On images that its own answers helped to
 * choose it looks closer to the others than subnets do that had no part in the choice.
 */
export function countsWithoutOwn(pilots: readonly Score[], images: number, share: number): number[] {
  const all = rightOf(pilots, images);
  return pilots.map(({ right: bits }) => {
    const others = all.map((count, image) => count - Number(isRight(bits!, image)));
    return chosen(pilots.length - 1, others, share).reduce((sum, image) => sum + Number(isRight(bits!, image)), 0);
  });
}

/** How many of the pilots have each image right. */
function rightOf(pilots: readonly Score[], images: number): Uint16Array {
  const right = new Uint16Array(images);
  for (const { right: bits } of pilots) {
    for (let image = 0; image < images; image++) right[image]! += Number(isRight(bits!, image));
  }
  return right;
}

/** @param right of so many subnets, by image */
function chosen(subnets: number, right: Uint16Array, share: number): Int32Array {
  const count = Math.ceil(share * right.length);
  // From a half, in halves of a subnet: small integers, so images are counted by it and not sorted.
  const distances = Array.from(right, (some) => Math.abs(2 * some - subnets));
  const having = Array.from({ length: subnets + 1 }, () => 0);
  for (const distance of distances) having[distance]!++;
  let border = 0;
  let nearer = 0;
  while (nearer + having[border]! < count) nearer += having[border++]!;
  let left = count - nearer;
  const positions = [...distances.keys()].filter(
    (image) => distances[image]! < border || (distances[image] === border && left-- > 0),
  );
  return Int32Array.from(positions);
}
