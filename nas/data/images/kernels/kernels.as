// The loops over pixels, in AssemblyScript: whole vectors at a time. Every result is Pillow's or torchvision's to the bit.
// kernels.wasm is made from this file: npm run kernels.
// Images come in as RGB bytes; rows on the way have four bytes a pixel, the last one of no meaning.

/** Bits of a resizing weight. A byte times a weight, and a whole sum of them, stay within 31 bits. */
const WEIGHT_BITS: i32 = 22;
const HALF: i32 = 1 << (WEIGHT_BITS - 1);

/** Pixels whose grey values four lanes can sum up without leaving 32 bits. */
const RUN: i32 = 1 << 16;

/**
 * Sum over `count` RGB pixels of the grey value (0..255) that each has once its brightness is changed.
 * What stands behind the last pixel, up to the next four, must be black.
 */
export function graySum(pixels: usize, count: i32, brightness: f32): f64 {
  const black = i32x4.splat(0);
  const factor = f32x4.splat(brightness);
  const isChanged = brightness != 1;
  // Of red, green and blue: 19595, 38470 and 7471 in units of 2^-16. Green's does not fit 16 bits with a sign: twice its half.
  const redAndGreen = i16x8(19595, 19235, 19595, 19235, 19595, 19235, 19595, 19235);
  const greenAndBlue = i16x8(19235, 7471, 19235, 7471, 19235, 7471, 19235, 7471);
  let total: f64 = 0;
  for (let from = 0; from < count; from += RUN) {
    const to = min(from + RUN, count);
    let sums = black;
    for (let pixel = from; pixel < to; pixel += 4) {
      let four = v128.load(pixels + pixel * 3);
      if (isChanged) four = brightened(four, factor);
      // Two bytes of each pixel as two 16-bit numbers.
      const first = i8x16.shuffle(four, black, 0, 16, 1, 16, 3, 16, 4, 16, 6, 16, 7, 16, 9, 16, 10, 16);
      const second = i8x16.shuffle(four, black, 1, 16, 2, 16, 4, 16, 5, 16, 7, 16, 8, 16, 10, 16, 11, 16);
      const gray = i32x4.add(i32x4.dot_i16x8_s(first, redAndGreen), i32x4.dot_i16x8_s(second, greenAndBlue));
      sums = i32x4.add(sums, i32x4.shr_u(i32x4.add(gray, i32x4.splat(0x8000)), 16));
    }
    const pairs = i32x4.add(sums, i8x16.shuffle(sums, sums, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    total += <f64>(i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 1));
  }
  return total;
}

/** Twelve bytes and four more, each times a factor, cut at 255. */
// @ts-ignore: a decorator on a function.
@inline
function brightened(bytes: v128, factor: v128): v128 {
  const low = i16x8.extend_low_i8x16_u(bytes);
  const high = i16x8.extend_high_i8x16_u(bytes);
  const a = scaled(i32x4.extend_low_i16x8_u(low), factor);
  const b = scaled(i32x4.extend_high_i16x8_u(low), factor);
  const c = scaled(i32x4.extend_low_i16x8_u(high), factor);
  return i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, c));
}

// @ts-ignore: a decorator on a function.
@inline
function scaled(values: v128, factor: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.mul(f32x4.convert_i32x4_s(values), factor));
}

/**
 * One row of a turned image: `count` pixels of four bytes, each the source pixel under it, put through the table `lut`
 * (256 bytes); black where the source has none. (x, y) is where the first one lies in the source, (dx, dy) the way to
 * the next, in units of 2^-16 pixels.
 */
export function gatherRow(
  pixels: usize, width: i32, height: i32, lut: usize, row: usize, count: i32, x: i32, y: i32, dx: i32, dy: i32,
): void {
  const end = row + (count << 2);
  // A row with both ends inside is inside all along.
  if (isInside(x, y, width, height) && isInside(x + (count - 1) * dx, y + (count - 1) * dy, width, height)) {
    for (; row < end; row += 4) {
      store<u32>(row, throughTable(pixels + ((y >> 16) * width + (x >> 16)) * 3, lut));
      x += dx;
      y += dy;
    }
    return;
  }
  for (; row < end; row += 4) {
    const from = pixels + ((y >> 16) * width + (x >> 16)) * 3;
    store<u32>(row, isInside(x, y, width, height) ? throughTable(from, lut) : 0);
    x += dx;
    y += dy;
  }
}

// @ts-ignore: a decorator on a function.
@inline
function isInside(x: i32, y: i32, width: i32, height: i32): bool {
  return <u32>(x >> 16) < <u32>width && <u32>(y >> 16) < <u32>height;
}

// @ts-ignore: a decorator on a function.
@inline
function throughTable(pixel: usize, lut: usize): u32 {
  const rgb = load<u32>(pixel);
  const red = <u32>load<u8>(lut + (rgb & 0xff));
  const green = <u32>load<u8>(lut + ((rgb >> 8) & 0xff));
  const blue = <u32>load<u8>(lut + ((rgb >> 16) & 0xff));
  return red | (green << 8) | (blue << 16);
}

/** One row of an image as it is: `count` pixels of four bytes out of as many RGB pixels, four at a time. */
export function copyRow(pixels: usize, row: usize, count: i32): void {
  const black = i32x4.splat(0);
  for (let i = 0; i < count; i += 4) {
    const four = v128.load(pixels + i * 3);
    v128.store(row + (i << 2), i8x16.shuffle(four, black, 0, 1, 2, 16, 3, 4, 5, 16, 6, 7, 8, 16, 9, 10, 11, 16));
  }
}

/** Resizes a row to `count` pixels. An entry of `taps` is: first source pixel, number of taps, their weights. */
export function resampleRow(row: usize, taps: usize, entryBytes: i32, target: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    let from = row + (load<i32>(taps) << 2);
    const end = from + (load<i32>(taps, 4) << 2);
    let weights = taps + 8;
    let sums = i32x4.splat(HALF);
    while (from < end) {
      const pixel = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(from)));
      sums = i32x4.add(sums, i32x4.mul(pixel, v128.load32_splat(weights)));
      from += 4;
      weights += 4;
    }
    const words = i32x4.shr_u(sums, WEIGHT_BITS);
    const bytes = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(words, words), words);
    store<u32>(target + (i << 2), i32x4.extract_lane(bytes, 0));
    taps += entryBytes;
  }
}

/** One row out of rows `rowBytes` apart (a multiple of 16), by one entry of taps. */
export function resampleColumns(rows: usize, rowBytes: i32, taps: usize, target: usize): void {
  const first = rows + load<i32>(taps) * rowBytes;
  const count = load<i32>(taps, 4);
  for (let column = 0; column < rowBytes; column += 16) {
    let a = i32x4.splat(HALF);
    let b = a;
    let c = a;
    let d = a;
    let from = first + column;
    for (let tap = 0; tap < count; tap++) {
      const weight = v128.load32_splat(taps + 8 + (tap << 2));
      const bytes = v128.load(from);
      const low = i16x8.extend_low_i8x16_u(bytes);
      const high = i16x8.extend_high_i8x16_u(bytes);
      a = i32x4.add(a, i32x4.mul(i32x4.extend_low_i16x8_u(low), weight));
      b = i32x4.add(b, i32x4.mul(i32x4.extend_high_i16x8_u(low), weight));
      c = i32x4.add(c, i32x4.mul(i32x4.extend_low_i16x8_u(high), weight));
      d = i32x4.add(d, i32x4.mul(i32x4.extend_high_i16x8_u(high), weight));
      from += rowBytes;
    }
    const low = i16x8.narrow_i32x4_s(i32x4.shr_u(a, WEIGHT_BITS), i32x4.shr_u(b, WEIGHT_BITS));
    const high = i16x8.narrow_i32x4_s(i32x4.shr_u(c, WEIGHT_BITS), i32x4.shr_u(d, WEIGHT_BITS));
    v128.store(target + column, i8x16.narrow_i16x8_u(low, high));
  }
}

/** `count` pixels to three floats each, (byte / 255 - mean) / std. Writes one float past the last of them. */
export function normaliseRow(row: usize, count: i32, meanAndStd: usize, target: usize): void {
  const mean = v128.load(meanAndStd);
  const std = v128.load(meanAndStd, 16);
  for (let i = 0; i < count; i++) {
    const bytes = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(row + (i << 2))));
    const shares = f32x4.div(f32x4.convert_i32x4_s(bytes), f32x4.splat(255));
    // The fourth float lies where the next pixel's first one will.
    v128.store(target + i * 12, f32x4.div(f32x4.sub(shares, mean), std));
  }
}
