import { z } from 'zod';
import { settingsOf } from '../steer.ts';
import type { Server } from '../server.ts';
import { BadInput } from '../../plan/endings.ts';
import { chooseEpoch, orderRun, orderStage } from '../../runs/steer.ts';

/** What buttons can ask for: the last part of the address that their form is sent to. */
export const orders = ['pause', 'resume', 'cancel', 'select', 'retry', 'skip', 'abort'] as const;
export type Order = (typeof orders)[number];

const Stage = z.object({ stage: z.string().min(1) });
const Selection = Stage.extend({
  epoch: z
    .string()
    .regex(/^\d{1,9}$/, 'expected an epoch')
    .transform(Number),
  who: z.string().trim().default(''),
  why: z.string().trim().default(''),
});
const Retry = Stage.extend({ set: z.string().default('') });

/** Does what a form asks. @throws BadInput for a form that is not filled in, or where the run refuses */
export async function obey(server: Server, run: string, order: Order, form: Readonly<Record<string, unknown>>) {
  const { client } = server;
  try {
    switch (order) {
      case 'pause':
      case 'resume':
      case 'cancel':
        return await orderRun(client, run, order);
      case 'select': {
        const { stage, epoch, who, why } = Selection.parse(form);
        const message = { stage, epoch, who: who || 'a person', ...(why === '' ? {} : { why }) };
        return void (await chooseEpoch(client, run, message));
      }
      case 'retry': {
        const { stage, set } = Retry.parse(form);
        const flags = set
          .split('\n')
          .map((line) => line.trim())
          .filter((line) => line !== '');
        const changed = flags.length === 0 ? {} : { set: await settingsOf(server, run, stage, flags) };
        return void (await orderStage(client, run, order, { stage, ...changed }));
      }
      case 'skip':
      case 'abort':
        return void (await orderStage(client, run, order, Stage.parse(form)));
    }
  } catch (error) {
    if (error instanceof z.ZodError) {
      const [issue] = error.issues;
      throw new BadInput(`${issue?.path.join('.')}: ${issue?.message}; fill the form in again`);
    }
    throw error;
  }
}
