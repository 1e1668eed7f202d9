/** The order of `labels` that takes the classes in turns, each class's own order kept: 0 1 2 … 0 1 2 …. */
export function inTurns(labels: Uint16Array, classes: number): Int32Array {
  const seen = new Int32Array(classes);
  const rounds = Int32Array.from(labels, (label) => seen[label]!++);
  const byLabel = sorted(Int32Array.from(labels.keys()), labels, classes);
  return sorted(
    byLabel,
    rounds,
    seen.reduce((most, count) => Math.max(most, count), 0),
  );
}

/** `order` by its elements' keys in 0..limit-1; equal keys stay as they are. */
function sorted(order: Int32Array, keys: Int32Array | Uint16Array, limit: number): Int32Array {
  const starts = new Int32Array(limit + 1);
  for (const key of keys) starts[key + 1]!++;
  for (let key = 0; key < limit; key++) starts[key + 1]! += starts[key]!;
  const result = new Int32Array(order.length);
  for (const element of order) result[starts[keys[element]!]!++] = element;
  return result;
}
