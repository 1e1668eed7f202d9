import path from 'node:path';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { text as textFrom } from 'node:stream/consumers';
import { MockActivityEnvironment } from '@temporalio/testing';
import { SMTPServer } from 'smtp-server';
import { afterEach, expect, test, vi } from 'vitest';
import { inWords, notifier } from '../../activities/notify.ts';
import { unlimited } from '../../activities/permissions.ts';
import type { Channel, Notification } from '../../plan/notify.ts';
import { freePort } from '../../runtime/free-port.ts';
import { portOf } from '../support/listening.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const notification: Notification = { event: 'done', run: 'r', pipeline: 'p', stage: null, text: 'r: done', next: [] };
const on = ['done'] as const;

afterEach(() => void vi.unstubAllEnvs());

/** All that an error holds: its words, its other values and where it was thrown. */
async function told(channel: Channel, permissions = unlimited, of = notification): Promise<string> {
  return await new MockActivityEnvironment().run(notifier(permissions), { channel, notification: of }).then(
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

test('a webhook is posted what happened as JSON, with a text that chats show whole; a refusal is told by its status', async () => {
  const posts: { method: string | undefined; headers: IncomingHttpHeaders; body: unknown }[] = [];
  let status = 204;
  const server = createServer((request, response) => {
    void textFrom(request).then((body) => {
      posts.push({ method: request.method, headers: request.headers, body: JSON.parse(body) });
      response.writeHead(status).end();
    });
  });
  vi.stubEnv('CHAT', `http://127.0.0.1:${await portOf(server)}/hook`);
  vi.stubEnv('NAS_UI', 'https://ui.example.org//');
  const long = { ...notification, text: 'x'.repeat(3000), next: ['nas report r'] };
  expect(await told({ on, webhook: 'CHAT' }, unlimited, long)).toBe('told');
  const text = `${long.text}\n  nas report r\nhttps://ui.example.org/namespaces/default/workflows/r`;
  expect(posts).toEqual([
    {
      method: 'POST',
      headers: expect.objectContaining({ 'content-type': 'application/json' }),
      body: { ...long, text, content: text.slice(0, 2000) },
    },
  ]);
  status = 404;
  expect(await told({ on, webhook: 'CHAT' })).toMatch(
    /^notify: webhook CHAT: expected status 2xx, got 404; it is tried again for three days\n/,
  );
  vi.stubEnv('CHAT', `http://127.0.0.1:${await freePort('127.0.0.1')}`);
  expect(await told({ on, webhook: 'CHAT' })).toMatch(/^notify: webhook CHAT: expected an answer, got ECONNREFUSED; /);
});

test('a variable that is not set is asked for by its name', async () => {
  vi.stubEnv('CHAT', '');
  expect(await told({ on, webhook: 'CHAT' })).toMatch(/ in CHAT of the worker's environment, got none; set it\n/);
});

test('a mail goes to all its addresses, from the first of them if nobody else is named, and says in its subject what happened', async () => {
  const mails: string[] = [];
  const envelopes: unknown[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onRcptTo: ({ address }, _, done) => done(address === 'nobody@example.org' ? new Error('who?') : null),
    onData: (stream, { envelope: { mailFrom, rcptTo } }, done) => {
      envelopes.push([mailFrom !== false && mailFrom.address, ...rcptTo.map(({ address }) => address)]);
      void textFrom(stream).then((mail) => {
        mails.push(mail);
        done();
      });
    },
  });
  vi.stubEnv('NAS_SMTP', `smtp://127.0.0.1:${await portOf(server)}`);
  const to = ['a@example.org', 'b@example.org'];
  expect(await told({ on, mail: to })).toBe('told');
  vi.stubEnv('NAS_MAIL_FROM', 'nas@example.org');
  expect(await told({ on, mail: to }, unlimited, { ...notification, event: 'parked', stage: 'a' })).toBe('told');
  expect(envelopes).toEqual([
    ['a@example.org', ...to],
    ['nas@example.org', ...to],
  ]);
  expect(mails.map((mail) => /^Subject: (.*)\r$/m.exec(mail)?.[1])).toEqual(['r: done', 'r: a parked']);
  expect(mails[0]).toMatch(/\r\n\r\nr: done/);
  expect(await told({ on, mail: ['nobody@example.org'] })).toMatch(
    /^notify: mail: expected the server of NAS_SMTP to take it, got the sender or an address refused; /,
  );
});

test('a command gets what happened as variables and, in full, as JSON; whether it reads that is up to it', async () => {
  const file = path.join(temporaryFolder(), 'told');
  const script = `echo "$NAS_EVENT $NAS_RUN $NAS_STAGE $NAS_TEXT" > ${file}; cat >> ${file}`;
  const parked = { ...notification, event: 'parked', stage: 'a' } as const;
  expect(await told({ on, command: ['sh', '-c', script] }, unlimited, parked)).toBe('told');
  const [line, json] = readFileSync(file, 'utf8').split('\n');
  expect(line).toBe('parked r a r: done');
  expect(JSON.parse(json!)).toEqual({ ...parked, text: 'r: done' });
  // More than a pipe holds.
  const large = { ...parked, pipeline: 'x'.repeat(1_000_000) };
  expect(await told({ on, command: ['true'] }, unlimited, large)).toBe('told');
  expect(await told({ on, command: ['sh', '-c', 'kill -TERM $$'] })).toContain('expected exit code 0, got SIGTERM; ');
});

const wordsOf = async (of: Notification): Promise<string> => inWords(of);

test('a text says what happened, what to do next and where to look', async () => {
  vi.stubEnv('NAS_UI', 'http://ui');
  const ofTeam = new MockActivityEnvironment({ workflowNamespace: 'team' });
  const next = ['nas status r', 'nas report r'];
  const words = await ofTeam.run<[Notification], string, typeof wordsOf>(wordsOf, {
    ...notification,
    run: 'r/1',
    next,
  });
  expect(words).toBe('r: done\n  nas status r\n  nas report r\nhttp://ui/namespaces/team/workflows/r%2F1');
});
