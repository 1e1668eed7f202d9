import { createHash, randomBytes } from 'node:crypto';
import { runOf } from '../artifacts/catalogue.ts';
import { Progress } from '../nas/process/protocol.ts';
import type { StageInput } from '../plan/results.ts';
import type { EndedWork } from '../plan/spans.ts';

// What this process tells of runs to an OpenTelemetry collector: a run, its stages, the attempts at them and what they save, as one
// trace. Its id is the server's id of the run, without the dashes; the ids of runs and stages follow from that. A span is told once it has
// ended, so that of an attempt whose worker was killed is missing.

export interface EndedSpan {
  readonly trace: string;
  readonly id: string;
  /** Null: it is the first of its trace. */
  readonly parent: string | null;
  readonly name: string;
  /** ms since 1970. */
  readonly began: number;
  readonly ended: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly error: string | null;
}

export interface Tracer {
  tell(span: EndedSpan): void;
  /** Sends what is left. */
  close(): Promise<void>;
}

/** The one of this process; null where nobody asked for traces. */
let tracer: Tracer | null = null;

const ENDPOINTS = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];

/** Begins to tell of spans where the environment names a collector. What comes back ends it. */
export async function startTracing(): Promise<() => Promise<void>> {
  if (!ENDPOINTS.some((name) => process.env[name]) || process.env['OTEL_SDK_DISABLED'] === 'true')
    return async () => {};
  const { openTracer } = await import('./tracer.ts');
  const opened = openTracer();
  tracer = opened;
  return async () => {
    tracer = null;
    // A collector that is gone must not keep a worker from ending well.
    await opened.close().catch(() => undefined);
  };
}

/** A run or a stage of it, as its workflow has told. @param firstRun as in StageInput */
export function tellEndedWork(run: string, firstRun: string, work: EndedWork): void {
  const { stage, began, ended, ending, attempts, error } = work;
  tracer?.tell({
    trace: traceOf(firstRun),
    id: spanOf(firstRun, stage),
    parent: stage === null ? null : spanOf(firstRun, null),
    name: stage === null ? `run ${run}` : `stage ${stage}`,
    began,
    ended,
    attributes: {
      'nas.run': run,
      'nas.ending': ending,
      ...(stage === null ? {} : { 'nas.stage': stage, 'nas.attempts': attempts }),
    },
    error,
  });
}

/** The span of one attempt at a stage, and those of what it saves. */
export class AttemptSpan {
  readonly #input: StageInput;
  readonly #attempt: number;
  readonly #device: string;
  readonly #id = newSpan();
  readonly #began = Date.now();
  #saving: { readonly began: number; readonly epoch: number; readonly step: number } | null = null;

  constructor(input: StageInput, attempt: number, device: string) {
    this.#input = input;
    this.#attempt = attempt;
    this.#device = device;
  }

  /** What its process last said; anything else is passed over. */
  readonly take = (said: unknown): void => {
    const { success, data } = Progress.safeParse(said);
    if (!success) return;
    const { phase, epoch, step } = data;
    if (phase !== 'saving') this.#endSave();
    else this.#saving ??= { began: Date.now(), epoch, step };
  };

  /** @param ending `done`, `reused`, or the name of an ending */
  end(ending: string, error: string | null): void {
    this.#endSave();
    const attributes = { 'nas.attempt': this.#attempt, 'nas.device': this.#device, 'nas.ending': ending };
    this.#tell(this.#id, spanOf(this.#input.firstRun, this.#input.stage), {
      name: `attempt ${this.#attempt}`,
      began: this.#began,
      attributes,
      error,
    });
  }

  #endSave(): void {
    if (this.#saving === null) return;
    const { began, epoch, step } = this.#saving;
    this.#saving = null;
    this.#tell(newSpan(), this.#id, {
      name: 'save',
      began,
      attributes: { 'nas.epoch': epoch, 'nas.step': step },
      error: null,
    });
  }

  #tell(id: string, parent: string, span: Pick<EndedSpan, 'name' | 'began' | 'attributes' | 'error'>): void {
    const { firstRun, stage, uses, directory } = this.#input;
    if (firstRun === undefined) return;
    const attributes = { 'nas.run': runOf(directory), 'nas.stage': stage, 'nas.kind': uses, ...span.attributes };
    tracer?.tell({ ...span, trace: traceOf(firstRun), id, parent, ended: Date.now(), attributes });
  }
}

/** 32 hexadecimal digits, as a trace's id is: those of a UUID. */
function traceOf(firstRun: string): string {
  return firstRun.replaceAll('-', '');
}

/** 16 hexadecimal digits. @param stage null: of the run itself */
function spanOf(firstRun = '', stage: string | null): string {
  return createHash('sha256')
    .update(`${firstRun} ${stage ?? ''}`)
    .digest('hex')
    .slice(0, 16);
}

function newSpan(): string {
  return randomBytes(8).toString('hex');
}
