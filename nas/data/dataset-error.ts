/** A data set that cannot be opened as configured, or an image of it that cannot be read. */
export class DatasetError extends Error {
  override readonly name = 'DatasetError';
}
