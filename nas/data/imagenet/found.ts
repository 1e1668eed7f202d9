/** An image file and its class. */
export interface Entry {
  /** Relative to the data set's root, with `/`. */
  readonly path: string;
  readonly label: number;
}

/** What a folder or the original's lists hold. */
export interface Found {
  /** The folders of the classes by label, null where only numbers are known. */
  readonly folders: readonly string[] | null;
  readonly classes: number;
  readonly train: readonly Entry[];
  readonly valid: readonly Entry[];
  /** Where the selection is given too, as the original's valid_part2500.txt gives it. */
  readonly selection: readonly Entry[] | null;
}

/** A file name that may be an image's. */
export const IMAGE_NAME = /\.(jpe?g|png)$/i;
