import { expect, onTestFinished, test } from 'vitest';
import { Bucket } from '../../artifacts/s3/bucket.ts';
import { parseS3Address } from '../../artifacts/s3/address.ts';
import { gatewayOfFile, lossyProxy } from '../support/gateway.ts';
import { nas } from '../support/nas.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// npm run test:s3-kills: some six minutes on two cores.

const gateway = await gatewayOfFile();

const GATEWAY_KILLS = 10;
const EVERY_MS = 8_000;

test(
  'trainers, workers, servers and the gateway are killed, it in the middle of uploads, and one answer in ten is lost: not a bit differs, and nothing is left',
  { timeout: 3_600_000 },
  async () => {
    let killed = 0;
    let next = Date.now() + EVERY_MS;
    const proxy = await lossyProxy(gateway.port, 0.1, () => {
      if (killed === GATEWAY_KILLS || Date.now() < next) return;
      killed++;
      next = Date.now() + EVERY_MS;
      void gateway.kill().then(async () => await gateway.start());
    });
    onTestFinished(() => void proxy.server.close());
    const folder = temporaryFolder();
    const environment = { NAS_RESULTS: gateway.root('kills', proxy.port), NAS_CACHE: folder, NAS_HOME: folder };
    const args = ['verify-resume', 'test/e2e/ladder.yml', '--kills', '20', '--seed', '1', '--json'];
    const { code, stdout, stderr } = await nas(args, environment);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const found: unknown = JSON.parse(stdout);
    expect(found).toMatchObject({ ok: true, differences: 0, missed: 0 });
    expect(killed).toBe(GATEWAY_KILLS);
    expect(proxy.lost()).toBeGreaterThan(100);
    const bucket = new Bucket(parseS3Address(gateway.root('kills')));
    const left: string[] = [];
    for await (const { key } of bucket.list('')) left.push(key);
    expect({ left, uploads: await bucket.uploads() }).toEqual({ left: [], uploads: [] });
  },
);
