import { expect, test } from 'vitest';
import { parseS3Address } from '../../artifacts/s3/address.ts';

test('an address names a bucket, what every key begins with, and where it is', () => {
  expect(parseS3Address('s3://results')).toEqual({
    bucket: 'results',
    prefix: '',
    endpoint: null,
    region: null,
    pathStyle: false,
  });
  expect(parseS3Address('s3://results/team//a%20b/?endpoint=http://host:9000&region=here&pathStyle=1')).toEqual({
    bucket: 'results',
    prefix: 'team/a b/',
    endpoint: 'http://host:9000',
    region: 'here',
    pathStyle: true,
  });
  expect(parseS3Address('s3://results?pathStyle=0').pathStyle).toBe(false);
});

const USUAL = 's3://bucket/prefix?endpoint=https://host&region=name&pathStyle=1';
const WRONG_ENDPOINT = `NAS_RESULTS: expected endpoint, region and pathStyle, got endpoint: expected an address such as https://host:port; write it as ${USUAL}`;

test.each([
  ['s3://', `NAS_RESULTS: expected ${USUAL}, got s3://; correct it`],
  ['s3:// a', `NAS_RESULTS: expected ${USUAL}, got one that cannot be read; correct it`],
  ['s3://a?endpoint=ftp://host', WRONG_ENDPOINT],
  ['s3://a?endpoint=httpx://host', WRONG_ENDPOINT],
  ['s3://a?endpoint=xhttp://host', WRONG_ENDPOINT],
  [
    's3://a?pathStyle=yes&secret=x&key=y',
    `NAS_RESULTS: expected endpoint, region and pathStyle, got pathStyle: expected 0 or 1; also secret, key; write it as ${USUAL}`,
  ],
])('the address %s is refused, and what is wrong is named', (address, message) => {
  expect(() => parseS3Address(address)).toThrow(expect.objectContaining({ message, ending: 'BadInput' }));
});

test.each(['s3://ada@a', 's3://:SECRET@a', 's3://a?endpoint=https://:SECRET@host', 's3://a?endpoint=https://ada@host'])(
  'an address with a user or a password is refused and not repeated: %s',
  (address) => {
    expect(() => parseS3Address(address, '--results')).toThrow(
      expect.objectContaining({
        message:
          '--results: expected an address without a user or password, got one with; name keys by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or by a profile',
      }),
    );
  },
);
