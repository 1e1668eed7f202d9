/** How a subnet did on a set of images. */
export interface Score {
  /** Images whose class has the largest logit. */
  readonly top1: number;
  /** Images whose class is among the five largest logits. */
  readonly top5: number;
  readonly images: number;
  /** Mean over the images, in nats. */
  readonly crossEntropy: number;
}

/** Adds up a subnet's score batch by batch. */
export class Tally {
  #top1 = 0;
  #top5 = 0;
  #images = 0;
  #loss = 0;

  /** @param logits [labels, classes] */
  add(logits: Float32Array, labels: Int32Array): void {
    const classes = logits.length / labels.length;
    for (const [image, label] of labels.entries()) {
      const own = logits[image * classes + label]!;
      let ahead = 0;
      let sum = 0;
      for (let at = image * classes; at < (image + 1) * classes; at++) {
        const difference = logits[at]! - own;
        // Of equal logits the first class counts as the larger, as argmax does. NaN is never right.
        if (!(difference < 0) && (difference !== 0 || at < image * classes + label)) ahead++;
        sum += Math.exp(difference);
      }
      if (ahead < 1) this.#top1++;
      if (ahead < 5) this.#top5++;
      this.#loss += Math.log(sum);
    }
    this.#images += labels.length;
  }

  score(): Score {
    return { top1: this.#top1, top5: this.#top5, images: this.#images, crossEntropy: this.#loss / this.#images };
  }
}
