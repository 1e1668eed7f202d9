import { expect, test } from 'vitest';
import { faultOf, S3Fault, statusOf } from '../../artifacts/s3/faults.ts';
import { BadInput } from '../../plan/endings.ts';

const address = { bucket: 'results', prefix: 'team/', endpoint: null, region: null, pathStyle: false };

/** An error as the SDK throws it. */
function said(name: string, status: number | null, more: object = {}): Error {
  const metadata = status === null ? {} : { $metadata: { httpStatusCode: status } };
  return Object.assign(new Error('words with a S#CRET'), { name, ...metadata, ...more });
}

test.each([
  ['NoSuchBucket', 404, 'make the bucket first, or correct NAS_RESULTS'],
  ['InvalidAccessKeyId', 403, 'correct the keys'],
  ['SignatureDoesNotMatch', 403, 'correct the keys, and the clock of this machine'],
  ['ExpiredToken', 400, 'get new credentials'],
  ['AccessDenied', 403, 'give these keys the permissions that docs/store.md lists'],
  ['Forbidden', 403, 'give these keys the permissions that docs/store.md lists'],
  ['PermanentRedirect', 301, 'give the region of the bucket: s3://…?region=…'],
])('%s is wrong input, with what to do', (name, status, remedy) => {
  const fault = faultOf(address, 'runs/a', said(name, status));
  expect(fault.message).toBe(`s3://results/team/runs/a: expected to be let in, got ${status} ${name}; ${remedy}`);
  expect(fault.ending).toBe('BadInput');
});

test('a refusal without a name is told as one, and parks; other errors without a name may pass', () => {
  expect(faultOf(address, 'a', said('Unknown', 403))).toMatchObject({
    ending: 'BadInput',
    message: expect.stringMatching(/got 403 Forbidden; give these keys the permissions that docs\/store\.md lists$/),
  });
  expect(faultOf(address, 'a', said('Unknown', 500))).toMatchObject({
    ending: 'Crashed',
    message: 's3://results/team/a: expected the bucket to do it, got 500 Unknown; it is tried again',
  });
});

test('keys or a region that nobody has named are asked for', () => {
  expect(faultOf(address, 'a', said('CredentialsProviderError', null)).message).toMatch(
    /got no answer \(CredentialsProviderError\); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, /,
  );
  expect(faultOf(address, 'a', said('Error', null, { message: 'Region is missing' })).message).toMatch(
    /got no answer \(Region\); give the region of the bucket/,
  );
});

test('whatever else went wrong may pass, and is told without a word of the SDK', () => {
  const fault = faultOf(address, 'a', said('InternalError', 500));
  expect(fault).toBeInstanceOf(S3Fault);
  expect(fault).toMatchObject({
    ending: 'Crashed',
    status: 500,
    message: 's3://results/team/a: expected the bucket to do it, got 500 InternalError; it is tried again',
  });
  expect(faultOf(address, 'a', said('Error', null, { code: 'ECONNRESET' })).message).toMatch(
    /got no answer \(Error ECONNRESET\); it is tried again$/,
  );
  expect(faultOf(address, 'a', 'odd').message).toMatch(/got no answer \(an unknown error\); it is tried again$/);
  const ours = new BadInput('known');
  expect(faultOf(address, 'a', ours)).toBe(ours);
});

test('the status of an answer is known, of whatever error', () => {
  expect(statusOf(new S3Fault('x', 416))).toBe(416);
  expect(statusOf(said('x', 304))).toBe(304);
  const odd = [said('x', null), 'x', said('x', null, { $metadata: null }), said('x', null, { $metadata: {} })];
  expect(odd.map(statusOf)).toEqual([null, null, null, null]);
  expect(statusOf(said('x', null, { $metadata: { httpStatusCode: '404' } }))).toBeNull();
  expect(statusOf(said('x', null, { $metadata: 'httpStatusCode' }))).toBeNull();
});
