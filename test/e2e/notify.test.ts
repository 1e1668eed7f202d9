import path from 'node:path';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { nas, RunningNas } from '../support/nas.ts';
import { sharedFolder } from '../support/temporary-folder.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const folder = sharedFolder();
const environment = { NAS_HOME: path.join(folder, 'home'), NAS_RESULTS: path.join(folder, 'results') };
const SECRET = 'T0P-secret';

/** What each receiver took, and how often it was asked while it took nothing. */
const taken = { webhook: [] as string[], mail: [] as string[] };
const refused = { webhook: 0, mail: 0 };
let isOpen = false;

const http = createServer((request, response) => {
  void text(request).then((body) => {
    if (isOpen) taken.webhook.push(body);
    else refused.webhook++;
    response.writeHead(isOpen ? 204 : 503).end();
  });
});
const smtp = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  onMailFrom: (_, __, done) => {
    if (!isOpen) refused.mail++;
    done(isOpen ? null : Object.assign(new Error('try later'), { responseCode: 451 }));
  },
  onData: (stream, _, done) => {
    void text(stream).then((message) => {
      taken.mail.push(message);
      done();
    });
  },
});
const portOf = (address: AddressInfo | string | null): number =>
  typeof address === 'object' ? (address?.port ?? 0) : 0;

// It fails until the receivers are open, as they do.
const told = path.join(folder, 'told');
const gate = path.join(folder, 'open');
const tried = path.join(folder, 'tried');
const script = `test -e ${gate} || { touch ${tried}; exit 1; }; cat >> ${told}; echo >> ${told}`;
const file = path.join(folder, 'told.yml');
writeFileSync(
  file,
  `name: told
notify:
  - { webhook: CHAT_WEBHOOK, on: parked }
  - { mail: somebody@example.org, on: parked }
  - { command: [sh, -c, ${JSON.stringify(script)}], on: [parked, done] }
stages:
  broken:
    uses: command
    retry: { attempts: 1 }
    with: { run: [sh, -c, "test -e mended"] }
`,
);

const workers = (): Readonly<Record<string, string>> => ({
  ...environment,
  CHAT_WEBHOOK: `http://127.0.0.1:${portOf(http.address())}/${SECRET}`,
  NAS_SMTP: `smtp://127.0.0.1:${portOf(smtp.server.address())}`,
  NAS_MAIL_FROM: 'nas@example.org',
});
let up: RunningNas;

beforeAll(async () => {
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve));
  up = new RunningNas(['up', '--json'], workers());
  await up.prints('"devices"');
});

afterAll(async () => {
  await up.interrupt();
  http.close();
  await new Promise<void>((resolve) => smtp.close(resolve));
});

const lines = (): string[] => (existsSync(told) ? readFileSync(told, 'utf8').trim().split('\n') : []);

test('of a stage that parks a webhook, a mail and a command tell once each, with the worker killed before any of them was taken', async () => {
  expect(await nas(['start', file], environment)).toMatchObject({ code: 0 });
  await expect.poll(() => refused.webhook > 0 && refused.mail > 0 && existsSync(tried), { timeout: 60_000 }).toBe(true);
  await expect
    .poll(() => up.stderr, { timeout: 60_000 })
    .toContain('webhook CHAT_WEBHOOK: expected status 2xx, got 503');
  expect(up.stderr).not.toContain(SECRET);
  process.kill(up.pid, 'SIGKILL');
  await up.ended;
  isOpen = true;
  writeFileSync(gate, '');
  up = new RunningNas(['up', '--json'], workers());
  await up.prints('"devices"');
  const counts = (): number[] => [taken.webhook.length, taken.mail.length, lines().length];
  await expect.poll(counts, { timeout: 120_000, interval: 500 }).toEqual([1, 1, 1]);

  const message = JSON.parse(taken.webhook[0] ?? '');
  expect(message).toMatchObject({ event: 'parked', run: 'told', stage: 'broken', content: message.text });
  expect(message.text).toMatch(
    /^told: broken failed and waits: .*\n {2}nas retry told broken\n {2}nas skip told broken\n {2}nas abort told broken\nhttp:\/\/127/s,
  );
  expect(taken.mail[0]).toContain('Subject: told: broken parked');
  expect(taken.mail[0]).toContain('To: somebody@example.org');
  expect(JSON.parse(lines()[0] ?? '')).toMatchObject({ event: 'parked', text: message.text });

  writeFileSync(path.join(environment.NAS_RESULTS, 'told/broken/mended'), '');
  await nas(['retry', 'told', 'broken'], environment);
  await expect.poll(() => lines().length, { timeout: 60_000 }).toBe(2);
  expect(JSON.parse(lines()[1] ?? '')).toMatchObject({ event: 'done', stage: null, next: ['nas report told'] });
  expect(counts()).toEqual([1, 1, 2]);
});

test('an address that is a secret is refused in a pipeline, and stands nowhere in what the server keeps', async () => {
  const wrong = path.join(folder, 'wrong.yml');
  writeFileSync(wrong, readFileSync(file, 'utf8').replace('CHAT_WEBHOOK', '"https://chat.example.org/hook"'));
  expect(await nas(['plan', wrong], environment)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("expected the name of a variable of the workers' environment"),
  });
  const database = path.join(environment.NAS_HOME, 'temporal.db');
  const kept = ['', '-wal'].map((end) => `${database}${end}`).filter((name) => existsSync(name));
  const bytes = Buffer.concat(kept.map((name) => readFileSync(name)));
  expect(bytes.includes('CHAT_WEBHOOK')).toBe(true);
  expect(bytes.includes(SECRET)).toBe(false);
});

test('what NAS_NOTIFY says is taken where a pipeline says nothing, and refused if it is none', async () => {
  const silent = path.join(folder, 'silent.yml');
  writeFileSync(silent, 'name: silent\nstages:\n  one:\n    uses: command\n    with: { run: [echo] }\n');
  const planned = async (NAS_NOTIFY: string) => await nas(['plan', silent, '--json'], { ...environment, NAS_NOTIFY });
  expect(JSON.parse((await planned('{ mail: a@example.org, on: stage }')).stdout)).toMatchObject({
    notify: [{ mail: ['a@example.org'], on: ['stage'] }],
  });
  expect(await planned('{ fax: 1 }')).toMatchObject({
    code: 2,
    stdout: expect.stringContaining('NAS_NOTIFY: expected'),
  });
});
