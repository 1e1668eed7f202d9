import { scaleLinear } from 'd3-scale';
import type { ScaleLinear } from 'd3-scale';
import type { Child } from 'hono/jsx';

/**
 * The frame of a chart: an SVG that fills its column, with axes. Scales and ticks are d3's, which needs no browser for
 * them; docs/pages.md says what else was looked at.
 */

export type Scale = ScaleLinear<number, number>;

/** In units of the SVG, about pixels in a column of a wide screen. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

export const small: Size = { width: 380, height: 250 };
export const wide: Size = { width: 540, height: 320 };

const MARGIN = { left: 52, right: 14, top: 22, bottom: 46 };

/** A horizontal scale that ends on round numbers. */
export function across({ width }: Size, domain: readonly [number, number], isRound = true): Scale {
  const scale = scaleLinear(widened(domain), [MARGIN.left, width - MARGIN.right]);
  return isRound ? scale.nice(5) : scale;
}

/** A vertical scale that ends on round numbers; larger is higher. */
export function upwards({ height }: Size, domain: readonly [number, number]): Scale {
  return scaleLinear(widened(domain), [height - MARGIN.bottom, MARGIN.top]).nice(5);
}

// A single value has an axis too.
function widened([low, high]: readonly [number, number]): [number, number] {
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

interface ChartProps {
  readonly size: Size;
  readonly x: Scale;
  readonly y: Scale;
  readonly xLabel: string;
  readonly yLabel: string;
  /** What a reader who does not see the picture is told of it. */
  readonly says: string;
  /** Ticks across; d3's choice where absent. */
  readonly xTicks?: readonly number[];
  readonly children?: Child;
}

export function Chart({ size, x, y, xLabel, yLabel, says, xTicks, children }: ChartProps) {
  const { width, height } = size;
  const bottom = height - MARGIN.bottom;
  const xText = x.tickFormat(5);
  const yText = y.tickFormat(5);
  return (
    <svg class={size === wide ? 'chart wide' : 'chart'} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={says}>
      <g class="axis">
        {y.ticks(5).map((value) => (
          <>
            <line class="grid" x1={MARGIN.left} x2={width - MARGIN.right} y1={px(y(value))} y2={px(y(value))} />
            <text x={MARGIN.left - 8} y={px(y(value))} dy="0.32em" text-anchor="end">
              {yText(value)}
            </text>
          </>
        ))}
        <line class="base" x1={MARGIN.left} x2={width - MARGIN.right} y1={bottom} y2={bottom} />
        {(xTicks ?? x.ticks(5)).map((value) => (
          <text class="across" x={px(x(value))} y={bottom + 16} text-anchor="middle">
            {xText(value)}
          </text>
        ))}
        <text class="name" x={width - MARGIN.right} y={height - 6} text-anchor="end">
          {xLabel}
        </text>
        <text class="name" x={0} y={10}>
          {yLabel}
        </text>
      </g>
      {children}
    </svg>
  );
}

/** A coordinate with one decimal: more is not seen and makes files large. */
export function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

interface DotProps {
  readonly x: number;
  readonly y: number;
  readonly r?: number;
  readonly kind?: string;
  /** What is said when the dot is pointed at. */
  readonly name: string;
}

export function Dot({ x, y, r = 3.5, kind = 'one', name }: DotProps) {
  return (
    <circle class={`dot ${kind}`} cx={px(x)} cy={px(y)} r={r}>
      <title>{name}</title>
    </circle>
  );
}
