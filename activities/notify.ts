import { activityInfo } from '@temporalio/activity';
import { execFile } from 'node:child_process';
import { createTransport } from 'nodemailer';
import { commandRefused } from './permissions.ts';
import type { Permissions } from './permissions.ts';
import { KnownError } from '../plan/endings.ts';
import type { Notification, NotifyInput } from '../plan/notify.ts';
import { serverHome } from '../runtime/layout.ts';
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
    if (!commands) throw new KnownError('Crashed', commandRefused('notify').message);
    return await run(channel.command, notification, text);
  };
}

/** Slack and Mattermost read `text`, Discord `content`; programs read the rest. */
async function post(variable: string, body: object): Promise<void> {
  const url = required(variable, 'the address of a webhook');
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
      else reject(untold(`command ${program}`, 'exit code 0', `${error.code ?? error.signal}: ${stderr.slice(-300)}`));
    });
    // A program that reads nothing closes its input.
    child.stdin?.on('error', () => {});
    child.stdin?.end(JSON.stringify({ ...notification, text }));
  });
}

async function mail(to: readonly string[], { event, run: id, stage }: Notification, text: string): Promise<void> {
  const url = required('NAS_SMTP', 'a mail server such as smtps://user:password@host');
  const from = process.env['NAS_MAIL_FROM'] || to[0];
  const limits = { connectionTimeout: PATIENCE_MS, greetingTimeout: PATIENCE_MS, socketTimeout: PATIENCE_MS };
  const transport = createTransport({ url, ...limits });
  try {
    const subject = stage === null ? `${id}: ${event}` : `${id}: ${stage} ${event}`;
    await transport.sendMail({ from, to: [...to], subject, text });
  } catch (error) {
    throw untold('mail', 'the server of NAS_SMTP to take it', codeOf(error));
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

function required(variable: string, what: string): string {
  const value = process.env[variable];
  if (value) return value;
  throw new KnownError(
    'Crashed',
    `notify: expected ${what} in ${variable} of the worker's environment, got none; set it`,
  );
}

function untold(who: string, expected: string, got: string): KnownError {
  return new KnownError(
    'Crashed',
    `notify: ${who}: expected ${expected}, got ${got}; it is tried again for three days`,
  );
}

// Messages of libraries may hold the address, and with it a secret.
function codeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
  return cause instanceof Error ? cause.name : 'an error';
}
