import path from 'node:path';
import { writeFileSync } from 'node:fs';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test, vi } from 'vitest';
import { notifier } from '../../activities/notify.ts';
import { unlimited } from '../../activities/permissions.ts';
import type { Channel } from '../../plan/notify.ts';
import { freePort } from '../../runtime/free-port.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const notification = { event: 'done', run: 'r', pipeline: 'p', stage: null, text: 'r: done', next: [] } as const;
const on = ['done'] as const;

/** All that an error holds: its words, its other values and where it was thrown. */
async function told(channel: Channel, permissions = unlimited): Promise<string> {
  return await new MockActivityEnvironment().run(notifier(permissions), { channel, notification }).then(
    () => 'told',
    (error: Error) => [error.message, JSON.stringify(error), error.stack].join('\n'),
  );
}

test.each([
  ['NAS_SMTP', { on, mail: ['a@example.org'] }, 'smtp://user:S#CRET@mail.example.org', 'smtps://user:password@host'],
  ['NAS_SMTP', { on, mail: ['a@example.org'] }, 'S#CRET.example.org:25', 'smtps://user:password@host'],
  ['NAS_SMTP', { on, mail: ['a@example.org'] }, 'https://S#CRET.example.org', 'smtps://user:password@host'],
  ['CHAT', { on, webhook: 'CHAT' }, 'chat.example.org/S#CRET', 'https://host/path'],
  ['CHAT', { on, webhook: 'CHAT' }, 'file:///S#CRET', 'https://host/path'],
])('what is no address in %s is refused by its name and never shown', async (variable, channel, value, form) => {
  const warned = vi.spyOn(process, 'emitWarning');
  vi.stubEnv(variable, value);
  const error = await told(channel);
  expect(error).toMatch(/^notify: expected .* of the worker's environment, got what is none; correct it\n/);
  expect(error).toContain(`such as ${form}`);
  expect(error).toContain(` in ${variable} of `);
  expect(error).not.toContain('CRET');
  expect(warned).not.toHaveBeenCalled();
});

test('a mail server that cannot be reached is told in words', async () => {
  vi.stubEnv('NAS_SMTP', `smtp://127.0.0.1:${await freePort('127.0.0.1')}`);
  expect(await told({ on, mail: ['a@example.org'] })).toContain(
    'notify: mail: expected the server of NAS_SMTP to take it, got no connection, or a certificate that is not trusted; it is tried again',
  );
});

test('a program that cannot be started is told from one that fails', async () => {
  const file = path.join(temporaryFolder(), 'me.sh');
  writeFileSync(file, '');
  expect(await told({ on, command: ['no-such-program'] })).toContain(
    'command no-such-program: expected a program that can be started, got none of that name; it is tried again',
  );
  expect(await told({ on, command: [file] })).toContain('got a file that may not be executed; it is tried again');
  expect(await told({ on, command: ['false'] })).toContain(
    'command false: expected exit code 0, got 1; it is tried again',
  );
  expect(await told({ on, command: ['sh', '-c', 'echo why >&2; exit 3'] })).toContain('got 3: why; it is tried again');
  expect(await told({ on, command: ['true'] }, { commands: false, most: {} })).toMatch(
    /^notify: .* start one with --allow-command .*, then it is told by itself\n/,
  );
});
