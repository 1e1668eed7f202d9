import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

/** The name by which a server's certificate goes, beside `localhost` and 127.0.0.1. */
export const SERVER_NAME = 'temporal.example';

/**
 * Makes an authority in a folder, with a certificate for a server on this machine and one for clients: `NAME.crt`,
 * `NAME-server.crt`, `NAME-client.crt`, and a `.key` of each.
 */
export function makeAuthority(folder: string, name: string): void {
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  };
  const request = ['req', '-newkey', 'rsa:2048', '-nodes'];
  const days = ['-days', '2'];
  const own = ['-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.crt`];
  openssl(...request, '-x509', ...days, ...own);
  // Servers of Temporal are clients of one another, by the same certificate.
  const extensions = [
    `subjectAltName=DNS:localhost,DNS:${SERVER_NAME},IP:127.0.0.1`,
    'extendedKeyUsage=serverAuth,clientAuth',
  ];
  writeFileSync(path.join(folder, 'extensions'), `${extensions.join('\n')}\n`);
  const authority = ['-CA', `${name}.crt`, '-CAkey', `${name}.key`, '-CAcreateserial', '-extfile', 'extensions'];
  for (const one of [`${name}-server`, `${name}-client`]) {
    openssl(...request, '-subj', `/CN=${one}`, '-keyout', `${one}.key`, '-out', `${one}.csr`);
    openssl('x509', '-req', ...days, ...authority, '-in', `${one}.csr`, '-out', `${one}.crt`);
  }
}

/** What the environment says for a client with a certificate of an authority in that folder. */
export function clientCertificate(folder: string, name: string) {
  return {
    TEMPORAL_TLS_CLIENT_CERT_PATH: path.join(folder, `${name}-client.crt`),
    TEMPORAL_TLS_CLIENT_KEY_PATH: path.join(folder, `${name}-client.key`),
  };
}
