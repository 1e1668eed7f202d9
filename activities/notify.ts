import { activityInfo } from '@temporalio/activity';
import { execFile } from 'node:child_process';
import type { ExecFileException } from 'node:child_process';
import { createTransport } from 'nodemailer';
import { commandRefused } from './permissions.ts';
import type { Permissions } from './permissions.ts';
import { KnownError } from '../plan/endings.ts';
import type { Notification, NotifyInput } from '../plan/notify.ts';
import { serverHome } from '../runtime/layout.ts';
import { whyNotStarted } from '../runtime/processes.ts';
import { findServer } from '../runtime/temporal-server.ts';

// Mails go by nodemailer: SMTP with TLS, log-ins and encodings is nothing to write anew.

const PATIENCE_MS = 30_000;

/**
 * What tells one message by one channel. Addresses and passwords come from this process's environment, and no error shows
 * them. It throws KnownError (Crashed: the server tries again) where nobody took the message, as another worker may.
 */
export function notifier({ commands }: Permissions): (input: NotifyInput) => Promise<void> {
  return async ({ channel, notification }) => {
    const text = inWords(notification);
    if ('webhook' in channel) {
      return await post(channel.webhook, { ...notification, text, content: text.slice(0, 2000) });
    }
    if ('mail' in channel) return await mail(channel.mail, notification, text);
    if (!commands) throw new KnownError('Crashed', commandRefused('notify', 'it is told by itself').message);
    return await run(channel.command, notification, text);
  };
}

/** Slack and Mattermost read `text`, Discord `content`; programs read the rest. */
async function post(variable: string, body: object): Promise<void> {
  const url = addressIn(variable, 'the address of a webhook such as https://host/path', 'https:', 'http:');
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE_MS),
  }).catch((error: unknown) => {
    throw untold(`webhook ${variable}`, 'an answer', codeOf(error));
  });
  await answer.body?.cancel();
  if (!answer.ok) throw untold(`webhook ${variable}`, 'status 2xx', `${answer.status}`);
}

async function run(
  [program = '', ...args]: readonly string[],
  notification: Notification,
  text: string,
): Promise<void> {
  const { event, run: id, stage } = notification;
  const variables = { NAS_EVENT: event, NAS_RUN: id, NAS_STAGE: stage ?? '', NAS_TEXT: text };
  await new Promise<void>((resolve, reject) => {
    const options = { env: { ...process.env, ...variables }, timeout: PATIENCE_MS };
    const child = execFile(program, args, options, (error, _, stderr) => {
      if (error === null) resolve();
      else reject(failed(program, error, stderr));
    });
    // A program that reads nothing closes its input.
    child.stdin?.on('error', () => {});
    child.stdin?.end(JSON.stringify({ ...notification, text }));
  });
}

async function mail(to: readonly string[], { event, run: id, stage }: Notification, text: string): Promise<void> {
  const url = addressIn(
    'NAS_SMTP',
    'a mail server such as smtps://user:password@host (# in a password as %23, / as %2F, @ as %40)',
    'smtps:',
    'smtp:',
  );
  const from = process.env['NAS_MAIL_FROM'] || to[0];
  const limits = { connectionTimeout: PATIENCE_MS, greetingTimeout: PATIENCE_MS, socketTimeout: PATIENCE_MS };
  const transport = createTransport({ url, ...limits });
  try {
    const subject = stage === null ? `${id}: ${event}` : `${id}: ${stage} ${event}`;
    await transport.sendMail({ from, to: [...to], subject, text });
  } catch (error) {
    throw untold('mail', 'the server of NAS_SMTP to take it', mailWords[codeOf(error)] ?? codeOf(error));
  } finally {
    transport.close();
  }
}

/** What happened, what to do next, and where to look. */
export function inWords({ run: id, text, next }: Notification): string {
  const page = pageOf(id);
  return [text, ...next.map((command) => `  ${command}`), ...(page === null ? [] : [page])].join('\n');
}

function pageOf(id: string): string | null {
  const ui = process.env['NAS_UI'] || findServer(serverHome)?.ui;
  if (ui === undefined) return null;
  const { workflowNamespace = 'default' } = activityInfo();
  return `${ui.replace(/\/+$/, '')}/namespaces/${workflowNamespace}/workflows/${encodeURIComponent(id)}`;
}

/** What the variable holds: it may have a password in it, so what is no address is refused here, where nothing shows it. */
function addressIn(variable: string, what: string, ...schemes: readonly string[]): string {
  const value = process.env[variable];
  if (value && URL.canParse(value) && schemes.includes(new URL(value).protocol)) return value;
  const got = value ? 'what is none; correct it' : 'none; set it';
  throw new KnownError('Crashed', `notify: expected ${what} in ${variable} of the worker's environment, got ${got}`);
}

function failed(program: string, error: ExecFileException, stderr: string): KnownError {
  if (error.syscall?.startsWith('spawn')) {
    return untold(`command ${program}`, 'a program that can be started', whyNotStarted(error));
  }
  const said = stderr.trim().slice(-300);
  const ending = `${error.code ?? error.signal}`;
  return untold(`command ${program}`, 'exit code 0', said === '' ? ending : `${ending}: ${said}`);
}

function untold(who: string, expected: string, got: string): KnownError {
  return new KnownError(
    'Crashed',
    `notify: ${who}: expected ${expected}, got ${got}; it is tried again for three days`,
  );
}

/** What the codes of nodemailer mean to whoever wrote the address. */
const mailWords: Readonly<Record<string, string>> = {
  EAUTH: 'user and password refused',
  EDNS: 'no such host',
  EENVELOPE: 'the sender or an address refused',
  ESOCKET: 'no connection, or a certificate that is not trusted',
  ETIMEDOUT: 'no answer in time',
};

// Messages of libraries may hold the address, and with it a secret.
function codeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
  return cause instanceof Error ? cause.name : 'an error';
}
