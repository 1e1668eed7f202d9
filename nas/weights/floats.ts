// Floating-point numbers as files hold them, little-endian, to float32.

/** Bytes of a number, by the name that safetensors give to its type. */
const BYTES = { F32: 4, F16: 2, BF16: 2, F64: 8 } as const;
export type FloatType = keyof typeof BYTES;

export function isFloatType(dtype: string): dtype is FloatType {
  return Object.hasOwn(BYTES, dtype);
}

/**
 * The numbers of a buffer, which they may share. Halves are exact in float32; a double is rounded, to infinity where it is too large.
 * @param buffer whole numbers of that type
 */
export function toFloat32(dtype: FloatType, buffer: ArrayBuffer): Float32Array {
  if (dtype === 'F32') return new Float32Array(buffer);
  if (dtype === 'F64') return new Float32Array(new Float64Array(buffer));
  const halves = new Uint16Array(buffer);
  const values = new Float32Array(halves.length);
  // 65,536 values in all: looked up many times faster than computed. (`from` with a function takes seconds for a large network.)
  const table = dtype === 'F16' ? float16 : bfloat16;
  for (let i = 0; i < halves.length; i++) values[i] = table[halves[i]!]!;
  return values;
}

/** Of all bit patterns; bfloat16 is the upper half of a float32. */
const bfloat16 = new Float32Array(Uint32Array.from({ length: 0x10000 }, (_, bits) => bits << 16).buffer);

/** IEEE 754's binary16 of all bit patterns: a sign, five bits of exponent, ten of fraction. */
const float16 = Float32Array.from({ length: 0x10000 }, (_, bits) => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
});

/** Index of the first number that is NaN or infinite; -1 where all are finite. */
export function firstNonFinite(values: Float32Array): number {
  // Zero times a finite number is zero, times any other NaN: one pass without a branch, since files have hundreds of millions.
  let sum = 0;
  // oxlint-disable-next-line oxc/erasing-op -- of numbers that are not finite this is NaN
  for (let i = 0; i < values.length; i++) sum += 0 * values[i]!;
  return sum === 0 ? -1 : values.findIndex((value) => !Number.isFinite(value));
}
