import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { catalogue } from '../../artifacts/catalogue.ts';
import { compareResults } from '../../cli/verify/compare.ts';
import { findServer } from '../../runtime/temporal-server.ts';
import { gatewayOfFile, keys, lossyProxy } from '../support/gateway.ts';
import { nas, RunningNas } from '../support/nas.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const gateway = await gatewayOfFile();

test(
  'two workers that share a bucket and nothing else, one of them losing answers, make the same bits as one with a folder',
  { timeout: 900_000 },
  async () => {
    const proxy = await lossyProxy(gateway.port, 0.1);
    onTestFinished(() => void proxy.server.close());
    const folder = temporaryFolder();
    const own = (name: string): string => path.join(folder, name);
    const one = { NAS_HOME: own('home'), NAS_RESULTS: gateway.root('shared'), NAS_CACHE: own('one') };
    const up = new RunningNas(['up', '--json'], one);
    await up.prints('"devices"');
    const address = findServer(one.NAS_HOME)?.address ?? '';
    const other = { TEMPORAL_ADDRESS: address, NAS_RESULTS: gateway.root('shared', proxy.port), NAS_CACHE: own('two') };
    const second = new RunningNas(['worker', '--role', 'heavy', '--cpu', '2', '--json'], other);
    await second.prints('"devices"');
    const ladder = ['start', 'test/e2e/ladder.yml', '--id', 'ladder', '--watch'];
    expect(await nas(ladder, one)).toMatchObject({ code: 0 });
    await Promise.all([up.interrupt(), second.interrupt()]);
    const stages = await catalogue(gateway.root('shared'), 'ladder');
    expect(new Set(stages.flatMap(({ manifest }) => manifest.attempts.map(({ pid }) => pid))).size).toBe(2);
    expect(proxy.lost()).toBeGreaterThan(0);

    const inFolder = { NAS_HOME: own('home-of-folder'), NAS_RESULTS: own('results') };
    const plain = new RunningNas(['up', '--json'], inFolder);
    await plain.prints('"devices"');
    expect(await nas(ladder, inFolder)).toMatchObject({ code: 0 });
    await plain.interrupt();
    process.env['NAS_CACHE'] = own('three');
    const compared = await compareResults(inFolder.NAS_RESULTS, gateway.root('shared'));
    expect(compared.map(({ directory, different }) => ({ directory, different }))).toEqual(
      stages.map(({ directory }) => ({ directory, different: [] })),
    );

    // Whoever has the bucket reads the run.
    const reader = { NAS_RESULTS: gateway.root('shared'), NAS_CACHE: own('four'), NAS_HOME: own('nowhere') };
    for (const args of [['report', 'ladder'], ['top', 'ladder'], ['explain', 'ladder'], ['list'], ['doctor']]) {
      const { code, stdout, stderr } = await nas(args, reader);
      expect({ args, code, stdout, stderr }).toMatchObject({ code: 0 });
    }
    // Neither the histories of the server nor anything in bucket, caches and folders.
    const search = ['-rlFa', keys.AWS_SECRET_ACCESS_KEY, folder, gateway.folder, '--exclude-dir=users'];
    expect(spawnSync('grep', search, { encoding: 'utf8' })).toMatchObject({ status: 1, stdout: '' });
    expect(readdirSync(own('one'))).toContain('stores');
  },
);
