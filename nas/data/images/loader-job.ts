// What crosses the line between the thread that wants images and those that make them.
import type { ImageListConfig, TrainingTransforms } from '../../../configs/dataset-schema.ts';

/** What all images of a data set share; given to a thread when it starts. */
export interface LoaderSettings {
  readonly resolution: number;
  readonly normalise: ImageListConfig['normalise'];
  /** Side of the square that a test image is resized to. */
  readonly resize: number;
}

/** Images to make. Every thread is given the whole job, and takes the next image from it until none is left. */
export interface LoaderJob {
  readonly id: number;
  /** Absolute paths. */
  readonly files: readonly string[];
  /** How they are changed in training; null for test images. */
  readonly training: {
    readonly transforms: TrainingTransforms;
    readonly seed: number;
    readonly epoch: number;
    /** What, with seed and epoch, an image's change is a pure function of. */
    readonly positions: Int32Array;
  } | null;
  /** float32 [files, resolution, resolution, 3] */
  readonly images: SharedArrayBuffer;
  /** One int32: the image that is taken next. */
  readonly next: SharedArrayBuffer;
}

/** An image that could not be read, and why. */
export interface BrokenImage {
  readonly index: number;
  readonly reason: string;
}

/** A thread has found nothing left to do in a job. */
export interface LoaderAnswer {
  readonly id: number;
  readonly broken: readonly BrokenImage[];
}
