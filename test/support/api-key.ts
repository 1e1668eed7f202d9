import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';

const HOUR_S = 3600;
const KEY_ID = 'of-this-test';

/** Gives out API keys in the form that a Temporal server's own authorizer reads: signed JSON Web Tokens. */
export class KeyIssuer {
  readonly #key: KeyObject;
  readonly #server: Server;
  readonly port: number;

  private constructor(key: KeyObject, server: Server, port: number) {
    this.#key = key;
    this.#server = server;
    this.port = port;
  }

  /** Serves the public key at a port, where the Temporal server asks for it. */
  static async start(port: number): Promise<KeyIssuer> {
    const { privateKey } = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    const key = createPrivateKey(privateKey);
    const known = { ...createPublicKey(privateKey).export({ format: 'jwk' }), kid: KEY_ID, use: 'sig', alg: 'ES256' };
    const server = createServer((_, answer) => answer.end(JSON.stringify({ keys: [known] })));
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new KeyIssuer(key, server, port);
  }

  /** @param permissions such as `team:write`, or `temporal-system:admin` for the whole server */
  keyFor(permissions: readonly string[], { seconds = HOUR_S }: { seconds?: number } = {}): string {
    const expires = Math.floor(Date.now() / 1000) + seconds;
    const said = `${partOf({ alg: 'ES256', typ: 'JWT', kid: KEY_ID })}.${partOf({ sub: 'test', exp: expires, permissions })}`;
    const signature = sign('sha256', Buffer.from(said), { key: this.#key, dsaEncoding: 'ieee-p1363' });
    return `${said}.${signature.toString('base64url')}`;
  }

  close(): void {
    this.#server.close();
  }
}

function partOf(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
