import { z } from 'zod';
import { BadInput } from '../../plan/endings.ts';

/** Results in a bucket, as `NAS_RESULTS` names them: `s3://bucket/prefix?endpoint=…&pathStyle=1&region=…`. */
export interface S3Address {
  readonly bucket: string;
  /** Empty, or with a `/` at its end: what every key begins with. */
  readonly prefix: string;
  /** Null: that of AWS. */
  readonly endpoint: string | null;
  /** Null: as the SDK finds it. */
  readonly region: string | null;
  /** Whether the bucket stands in the path of a request, not in the name of the host. */
  readonly pathStyle: boolean;
}

const Query = z.strictObject({
  endpoint: z.url({ protocol: /^https?$/, error: 'expected an address such as https://host:port' }).optional(),
  region: z.string().min(1).optional(),
  pathStyle: z.enum(['0', '1'], { error: 'expected 0 or 1' }).default('0'),
});

const USUAL = 's3://bucket/prefix?endpoint=https://host&region=name&pathStyle=1';

/**
 * @param name how errors call it
 * @throws BadInput for an address that cannot be used. It stands in plans, manifests and logs, so one that holds a
 * password is refused, and not repeated.
 */
export function parseS3Address(root: string, name = 'NAS_RESULTS'): S3Address {
  const refused = (expected: string, got: string, remedy: string): BadInput =>
    new BadInput(`${name}: expected ${expected}, got ${got}; ${remedy}`);
  const url = URL.canParse(root) ? new URL(root) : null;
  const query = url === null ? {} : Object.fromEntries(url.searchParams);
  if ([url, urlOf(query['endpoint'])].some((one) => one !== null && one.username + one.password !== '')) {
    throw refused(
      'an address without a user or password',
      'one with',
      'name keys by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or by a profile',
    );
  }
  const segments = url === null ? [] : url.pathname.split('/').filter((segment) => segment !== '');
  if (url === null || url.hostname === '' || segments.some((one) => one === '..' || one === '.')) {
    const got = url === null ? 'one that cannot be read' : `s3://${url.hostname}${url.pathname}`;
    throw refused(USUAL, got, 'correct it');
  }
  const parsed = Query.safeParse(query);
  if (!parsed.success) {
    // Values may be secrets that were given by mistake: names alone are told.
    const wrong = parsed.error.issues.map((issue) =>
      issue.code === 'unrecognized_keys'
        ? `also ${issue.keys.join(', ')}`
        : `${issue.path.join('.')}: ${issue.message}`,
    );
    throw refused('endpoint, region and pathStyle', wrong.join('; '), `write it as ${USUAL}`);
  }
  const { endpoint = null, region = null, pathStyle } = parsed.data;
  const prefix = segments.map((segment) => `${decodeURIComponent(segment)}/`).join('');
  return { bucket: url.hostname, prefix, endpoint, region, pathStyle: pathStyle === '1' };
}

function urlOf(text: string | undefined): URL | null {
  return text !== undefined && URL.canParse(text) ? new URL(text) : null;
}
