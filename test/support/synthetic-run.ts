import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { sha256Of } from '../../artifacts/files.ts';
import type { EpochRecord, Manifest } from '../../artifacts/manifest.ts';
import { rankingFiles, tableText } from '../../nas/evaluation/ranking.ts';
import type { TableRow } from '../../nas/evaluation/ranking.ts';
import { manifestName } from '../../artifacts/paths.ts';
import { projectRoot } from '../../runtime/layout.ts';
import { finishedManifest } from './manifests.ts';
import { committedSpace } from './spaces.ts';

const truthFile = 'configs/ground-truth/fashion.json';
const truthText = readFileSync(path.join(projectRoot, truthFile), 'utf8');
const TRUTH = Object.keys(JSON.parse(truthText)).length;

interface Wanted {
  readonly supernets: number;
  readonly epochs: number;
  readonly subnets: number;
}

/** Puts the manifests and the ranking of a finished run below a results root, of any size, without training anything. */
export function syntheticRun(root: string, run: string, { supernets, epochs, subnets }: Wanted): void {
  for (let at = 0; at < supernets; at++) putStage(root, `${run}/supernet-${at + 1}`, supernetStage(at, epochs));
  if (subnets === 0) return;
  const table = tableText(Array.from({ length: subnets }, (_, at) => row(at)));
  const file = `${run}/ranking/${rankingFiles.table}`;
  putStage(root, `${run}/ranking`, { uses: 'merge-results', files: [{ file, sha256: sha256Of(table) }], outputs: {} });
  writeFileSync(path.join(root, file), table);
}

function putStage(root: string, directory: string, manifest: Partial<Manifest>): void {
  const stage = path.posix.basename(directory);
  const token = { workflowId: 'run', runId: 'a', stage, round: 1, attempt: 1 };
  const started = Date.UTC(2026, 0, 1) + 600_000 * (Number(stage.split('-')[1] ?? 0) || 9999);
  const time = (seconds: number): string => new Date(started + 1000 * seconds).toISOString();
  const attempt = { token, host: 'h', pid: 1, device: 'cpu', phases: null, queued: time(0), started: time(5) };
  const lost = { ...attempt, saved: time(60), ended: null, ending: null };
  const kept = { ...attempt, queued: time(90), started: time(95), saved: time(500), ended: time(500), ending: 'done' };
  const whole = { ...finishedManifest('unused'), stage, attempts: [lost, kept], ...manifest };
  mkdirSync(path.join(root, directory), { recursive: true });
  writeFileSync(path.join(root, directory, manifestName(whole.sequence)), JSON.stringify(whole));
}

function supernetStage(at: number, epochs: number): Partial<Manifest> {
  const records = Array.from({ length: epochs }, (_, epoch) => epochRecord(at, epoch));
  const { epoch, tau } = records.at(-1)!;
  return {
    uses: 'train-supernet',
    config: {
      space: JSON.parse(JSON.stringify(committedSpace('fashion'))),
      n_classes: 10,
      groups: (at % 7) + 1,
      epochs,
      seed: 0,
      ground_truth: { file: truthFile, sha256: sha256Of(truthText) },
    },
    epochs: records,
    selection: {
      epoch,
      tau,
      by: 'person',
      who: '<script>alert(1)</script>',
      when: '2026-01-01T00:00:00Z',
      why: 'a & b',
    },
    origin: { pipeline: 'pipelines/quickstart.yml', params: { epochs }, set: [`epochs=${epochs}`] },
    outputs: {},
  };
}

function epochRecord(at: number, epoch: number): EpochRecord {
  const tau = 0.5 + 0.3 * Math.sin(at + epoch);
  return {
    epoch,
    tau,
    interval: [tau - 0.1, tau + 0.1],
    file: `run/supernet-${at + 1}/${tau.toFixed(4)}_${epoch}.safetensors`,
    sha256: sha256Of(`${at} ${epoch}`),
    bytes: 1000,
    loss: 2 / (epoch + 1),
    min: { top1: 0.4, top5: 0.9 },
    max: { top1: 0.6, top5: 0.95 },
    groundTruth: Array.from({ length: TRUTH }, (_, subnet) => 0.5 + 0.01 * subnet + 0.05 * Math.sin(subnet * (at + 1))),
  };
}

// Codes and sizes as varied as those of the competition, so that the page is as large as it would be.
function row(at: number): TableRow {
  const noise = (k: number): number => (Math.sin((at + 1) * 12.9898 * (k + 1)) * 43758.5453) % 1;
  const code = Array.from({ length: 52 }, (_, place) => String(Math.floor(8 * Math.abs(noise(place))))).join('');
  const macs = Math.round(1e9 + 8e9 * Math.abs(noise(60)));
  const top1 = 60 + 1.5e-9 * macs + 3 * noise(61);
  return {
    id: `arch${at + 1}`,
    code,
    depth: 10 + (at % 20),
    parameters: Math.round(macs / 300 + 1e6 * Math.abs(noise(62))),
    macs,
    top1,
    top5: top1 + 15,
    crossEntropy: 1.2,
    standardError: 0.2,
    images: null,
    predicted: null,
  };
}
