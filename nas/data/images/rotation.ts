// Where the pixels of a turned image come from, as Pillow finds them: the nearest pixel, in units of 2^-16.

const UNIT = 65_536;
type Step = readonly [dx: number, dy: number];

/** A grid over a source image: where its corner lies, in units of 2^-16 pixels, and one step to the right and down. */
export class SourceGrid {
  readonly x: number;
  readonly y: number;
  readonly right: Step;
  readonly down: Step;

  constructor(x: number, y: number, right: Step, down: Step) {
    this.x = x;
    this.y = y;
    this.right = right;
    this.down = down;
  }

  /** Whether one step right is the next pixel of the same row. */
  get isUpright(): boolean {
    return this.right[0] === UNIT && this.right[1] === 0;
  }

  /** The grid that begins so many steps on. */
  movedBy(columns: number, rows: number): SourceGrid {
    const { x, y, right, down } = this;
    return new SourceGrid(
      x + columns * right[0] + rows * down[0],
      y + columns * right[1] + rows * down[1],
      right,
      down,
    );
  }
}

/** Every pixel where it is. */
export const UPRIGHT = new SourceGrid(0, 0, [UNIT, 0], [0, UNIT]);

/** The grid of an image that is turned by `angle` degrees, counter-clockwise about its middle. */
export function rotationGrid(angle: number, { width, height }: { width: number; height: number }): SourceGrid {
  // Degrees from 0 to 360, and 15 digits so that right angles are exact: as Pillow does it.
  const radians = -(((angle % 360) + 360) % 360) * (Math.PI / 180);
  const cos = Number(Math.cos(radians).toFixed(15));
  const sin = Number(Math.sin(radians).toFixed(15));
  const [middleX, middleY] = [width / 2, height / 2];
  const x = cos * -middleX + sin * -middleY + middleX;
  const y = -sin * -middleX + cos * -middleY + middleY;
  // A pixel lies in its middle, half a step from its corner.
  return new SourceGrid(
    fixed(x + cos * 0.5 + sin * 0.5),
    fixed(y - sin * 0.5 + cos * 0.5),
    [fixed(cos), fixed(-sin)],
    [fixed(sin), fixed(cos)],
  );
}

function fixed(value: number): number {
  return Math.floor(value * UNIT + 0.5);
}
