import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { onTestFinished, vi } from 'vitest';
import { parseS3Address } from '../../artifacts/s3/address.ts';
import { Bucket } from '../../artifacts/s3/bucket.ts';
import { portOf } from './listening.ts';

export interface Answer {
  readonly status?: number;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the connection breaks after the body, though its header promised more. */
  readonly breaks?: boolean;
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

interface ScriptedBucket {
  /** As results in it are named. */
  readonly root: string;
  readonly bucket: Bucket;
  /** All that it has been asked, in order. */
  readonly asked: Asked[];
}

/** A bucket `b` with the prefix `p/` whose answers the test gives. */
export async function scriptedBucket(answer: (asked: Asked) => Answer): Promise<ScriptedBucket> {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'key');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  onTestFinished(() => void vi.unstubAllEnvs());
  const all: Asked[] = [];
  const reply = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const sent = await text(request);
    const url = new URL(request.url ?? '', 'http://host');
    const { method = '', headers } = request;
    const query = Object.fromEntries(url.searchParams);
    const asked = { method, path: url.pathname, query, headers, body: sent };
    all.push(asked);
    const { status = 200, body = '', headers: more = {}, breaks = false } = answer(asked);
    response.writeHead(status, { 'content-type': 'application/xml', ...more });
    if (breaks) response.write(body, () => response.destroy());
    else response.end(body);
  };
  const server = createServer((request, response) => void reply(request, response));
  const port = await portOf(server);
  const root = `s3://b/p?endpoint=http://127.0.0.1:${port}&pathStyle=1`;
  return { root, bucket: new Bucket(parseS3Address(root)), asked: all };
}

/** An answer that is an error by that name. */
export const refusal = (code: string, status: number): Answer => ({
  status,
  body: `<Error><Code>${code}</Code></Error>`,
});

/** When all was changed, or begun, that a scripted bucket lists. */
export const LISTED_AT = '2026-01-01T00:00:00Z';

/** An object in a list of objects. */
export const listedObject = (key: string, bytes: number): string =>
  `<Contents><Key>p/${key}</Key><Size>${bytes}</Size><LastModified>${LISTED_AT}</LastModified></Contents>`;

/** An upload that was begun, in a list of uploads. */
export const listedUpload = (key: string, id: string): string =>
  `<Upload><Key>p/${key}</Key><UploadId>${id}</UploadId><Initiated>${LISTED_AT}</Initiated></Upload>`;
