import { deviceEnvironment, gpus } from '../runtime/machine.ts';
import { cpus } from 'node:os';

/**
 * Where both sides of a benchmark compute: `cpu`, or `gpu:0` with a card's number, as stages are given one.
 * @throws Error where `text` names no device
 */
export function benchDevice(text: string): string {
  if (text !== 'cpu' && !/^gpu:\d+$/.test(text)) throw new Error(`--device: expected cpu or gpu:0, got ${text}`);
  return text;
}

/** What our side needs in its environment. */
export function ourEnvironment(device: string, threads: number): Record<string, string> {
  return { ...deviceEnvironment(device), TF_NUM_INTRAOP_THREADS: String(threads), TF_NUM_INTEROP_THREADS: '1' };
}

/** What PyTorch's needs: it brings NVIDIA's libraries of its own. */
export function peerEnvironment(device: string, threads: number): Record<string, string> {
  const { CUDA_VISIBLE_DEVICES = '', CUDA_DEVICE_ORDER = 'PCI_BUS_ID' } = deviceEnvironment(device);
  return { OMP_NUM_THREADS: String(threads), CUDA_VISIBLE_DEVICES, CUDA_DEVICE_ORDER };
}

/** What PyTorch calls it: the only card that it sees. */
export const peerDevice = (device: string): string => (device === 'cpu' ? 'cpu' : 'cuda');

/** The processor's or the card's name. */
export async function nameOf(device: string): Promise<string | undefined> {
  return device === 'cpu' ? cpus()[0]?.model.trim() : (await gpus())[Number(device.slice('gpu:'.length))];
}
