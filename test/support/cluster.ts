import path from 'node:path';
import { execFile, execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, openSync, closeSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { KeyIssuer } from './api-key.ts';
import { clientCertificate, makeAuthority, SERVER_NAME } from './authority.ts';
import { freePort } from '../../runtime/free-port.ts';
import { temporalCli } from '../../runtime/layout.ts';
import { newFolder, removeFolder } from './temporary-folder.ts';

const HOST = '127.0.0.1';
const DATABASES = { temporal: 'temporal', temporal_visibility: 'visibility' } as const;
/** Beginning with `frontend`, which clients talk to; servers talk to the other one without a key. */
const SERVICES = ['frontend', 'internal-frontend', 'history', 'matching', 'worker'] as const;
const START_MS = 90_000;

/** Folders of programs that `npm run test:cluster` names. */
const programs = process.env['NAS_TEST_CLUSTER'] ?? '';
const postgresPrograms = process.env['NAS_TEST_POSTGRES'] ?? '';

type Log = 'postgres' | 'temporal';

type Ports = Readonly<Record<'postgres' | 'keys' | (typeof SERVICES)[number], number>> & {
  readonly membership: readonly number[];
};

/**
 * A Temporal server as a team has it: on PostgreSQL, with mutual TLS before it, and for every request an API key that says what
 * its bearer may do. Both are processes of their own that can be killed and started again.
 */
export class Cluster {
  readonly folder = newFolder();
  readonly #ports: Ports;
  readonly keys: KeyIssuer;
  #postgres: ChildProcess | null = null;
  #temporal: ChildProcess | null = null;

  private constructor(ports: Ports, keys: KeyIssuer) {
    this.#ports = ports;
    this.keys = keys;
  }

  static async start(): Promise<Cluster> {
    const ports = await freePorts();
    const cluster = new Cluster(ports, await KeyIssuer.start(ports.keys));
    try {
      await cluster.#setUp();
      return cluster;
    } catch (error) {
      await cluster.remove();
      throw error;
    }
  }

  async #setUp(): Promise<void> {
    // PostgreSQL, which does not run as root, has to enter it.
    chmodSync(this.folder, 0o755);
    for (const name of ['ours', 'others']) makeAuthority(this.folder, name);
    this.#makeDatabaseFolder();
    await this.startPostgres();
    for (const [database, schema] of Object.entries(DATABASES)) this.#makeTables(database, schema);
    writeFileSync(this.#at('temporal.yaml'), JSON.stringify(this.#serverConfig()));
    await this.startTemporal();
  }

  #at(name: string): string {
    return path.join(this.folder, name);
  }

  /** What a client's environment says. @param permissions of its API key; null: it has none */
  environment(permissions: readonly string[] | null, namespace = 'team', authority = 'ours'): Record<string, string> {
    return {
      TEMPORAL_ADDRESS: `${HOST}:${this.#ports.frontend}`,
      TEMPORAL_NAMESPACE: namespace,
      TEMPORAL_TLS_SERVER_NAME: SERVER_NAME,
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: this.#at('ours.crt'),
      ...clientCertificate(this.folder, authority),
      ...(permissions === null ? {} : { TEMPORAL_API_KEY: this.keys.keyFor(permissions) }),
    };
  }

  /** The `temporal` command, as whoever runs the server. */
  async administer(...args: readonly string[]): Promise<string> {
    const env = { ...process.env, ...this.environment(['temporal-system:admin']) };
    return (await promisify(execFile)(temporalCli(), args, { env })).stdout;
  }

  /** A program of PostgreSQL's, at this database. */
  async postgres(program: string, ...args: readonly string[]): Promise<string> {
    const at = ['--host', HOST, '--port', String(this.#ports.postgres), '--username', 'temporal'];
    return (await promisify(execFile)(path.join(postgresPrograms, program), [...at, ...args])).stdout;
  }

  #makeDatabaseFolder(): void {
    mkdirSync(this.#at('postgres'), { mode: 0o700 });
    const user = userOfPostgres();
    if (user !== null) chownSync(this.#at('postgres'), user.uid, user.gid);
    const options = ['--username=temporal', '--auth=trust', '--encoding=UTF8', '--no-locale'];
    execFileSync(path.join(postgresPrograms, 'initdb'), ['-D', this.#at('postgres'), ...options], {
      ...user,
      cwd: this.folder,
      stdio: 'pipe',
    });
  }

  /** Also after it was killed. */
  async startPostgres(): Promise<void> {
    const options = ['-D', this.#at('postgres'), '-p', String(this.#ports.postgres), '-k', ''];
    const settings = ['-c', `listen_addresses=${HOST}`, '-c', 'max_connections=200'];
    await this.#until('postgres', async () => {
      // The processes that a killed one leaves take a moment to end, and it does not start beside them.
      if (this.#postgres === null || hasEnded(this.#postgres)) {
        const program = path.join(postgresPrograms, 'postgres');
        this.#postgres = this.#spawn(program, [...options, ...settings], 'postgres', userOfPostgres());
      }
      await this.postgres('pg_isready');
    });
  }

  async startTemporal(): Promise<void> {
    const services = SERVICES.flatMap((service) => ['--service', service]);
    const args = ['--config-file', this.#at('temporal.yaml'), 'start', ...services];
    this.#temporal = this.#spawn(path.join(programs, 'server'), args, 'temporal', null);
    await this.#until('temporal', async () => {
      if (this.#temporal === null || hasEnded(this.#temporal)) throw new Error('it has ended');
      await this.administer('operator', 'cluster', 'health');
      await this.administer('operator', 'namespace', 'list');
    });
  }

  /** Kills the server, and with it every service of it. */
  async killTemporal(): Promise<void> {
    await end(this.#temporal, 'SIGKILL');
  }

  /** Kills the process that started all others of PostgreSQL; they end when they notice. */
  async killPostgres(): Promise<void> {
    await end(this.#postgres, 'SIGKILL');
  }

  /** Ends the server as its administrator does. */
  async stopTemporal(): Promise<void> {
    await end(this.#temporal, 'SIGTERM');
  }

  async remove(): Promise<void> {
    await this.killTemporal();
    await end(this.#postgres, 'SIGQUIT');
    this.keys.close();
    removeFolder(this.folder);
  }

  #makeTables(database: string, schema: string): void {
    const at = ['--ep', HOST, '-p', String(this.#ports.postgres), '-u', 'temporal', '--plugin', 'postgres12_pgx'];
    const versions = path.join(programs, 'schema', schema, 'versioned');
    for (const args of [['create'], ['setup-schema', '-v', '0.0'], ['update-schema', '-d', versions]]) {
      execFileSync(path.join(programs, 'sql'), [...at, '--db', database, ...args], { stdio: 'pipe' });
    }
  }

  /** Starts a program that writes into `LOG.log`. */
  #spawn(program: string, args: readonly string[], log: Log, user: User | null): ChildProcess {
    const output = openSync(this.#at(`${log}.log`), 'a');
    const child = spawn(program, args, { ...user, cwd: this.folder, stdio: ['ignore', output, output] });
    closeSync(output);
    return child;
  }

  /** Tries until it works. @throws Error with the last words of the program that does not answer */
  async #until(log: Log, answers: () => Promise<void>): Promise<void> {
    const deadline = Date.now() + START_MS;
    for (;;) {
      try {
        return await answers();
      } catch (cause) {
        if (Date.now() > deadline) {
          const said = readFileSync(this.#at(`${log}.log`), 'utf8').slice(-2000);
          throw new Error(`${log} does not answer; it said\n${said}`, { cause });
        }
        await sleep(200);
      }
    }
  }

  /** JSON is YAML. */
  #serverConfig() {
    const certificate = { certFile: this.#at('ours-server.crt'), keyFile: this.#at('ours-server.key') };
    const authority = [this.#at('ours.crt')];
    const client = { serverName: SERVER_NAME, rootCaFiles: authority };
    const tls = { server: { ...certificate, requireClientAuth: true, clientCaFiles: authority }, client };
    const store = (databaseName: string) => ({
      sql: {
        pluginName: 'postgres12_pgx',
        databaseName,
        connectAddr: `${HOST}:${this.#ports.postgres}`,
        connectProtocol: 'tcp',
        user: 'temporal',
        password: '',
        maxConns: 20,
        maxIdleConns: 20,
      },
    });
    return {
      log: { stdout: true, level: 'warn' },
      persistence: {
        defaultStore: 'default',
        visibilityStore: 'visibility',
        numHistoryShards: 4,
        datastores: { default: store('temporal'), visibility: store('temporal_visibility') },
      },
      global: {
        membership: { maxJoinDuration: '30s', broadcastAddress: HOST },
        tls: { frontend: tls, internode: tls },
        authorization: {
          jwtKeyProvider: { keySourceURIs: [`http://${HOST}:${this.#ports.keys}/keys`], refreshInterval: '1m' },
          permissionsClaimName: 'permissions',
          authorizer: 'default',
          claimMapper: 'default',
        },
      },
      services: Object.fromEntries(
        SERVICES.map((service, index) => {
          const membershipPort = this.#ports.membership[index];
          return [service, { rpc: { grpcPort: this.#ports[service], membershipPort, bindOnIP: HOST } }];
        }),
      ),
      clusterMetadata: {
        enableGlobalNamespace: false,
        failoverVersionIncrement: 10,
        masterClusterName: 'active',
        currentClusterName: 'active',
        clusterInformation: {
          active: {
            enabled: true,
            initialFailoverVersion: 1,
            rpcName: 'frontend',
            rpcAddress: `${HOST}:${this.#ports.frontend}`,
          },
        },
      },
    };
  }
}

interface User {
  readonly uid: number;
  readonly gid: number;
}

/** Who runs PostgreSQL where root runs the tests; null: whoever runs them. */
function userOfPostgres(): User | null {
  if (process.getuid?.() !== 0) return null;
  return { uid: idOfPostgres('-u'), gid: idOfPostgres('-g') };
}

function idOfPostgres(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
}

async function freePorts(): Promise<Ports> {
  const free = new Set<number>();
  while (free.size < 2 * SERVICES.length + 2) free.add(await freePort(HOST));
  const [postgres = 0, keys = 0, ...rest] = free;
  const [frontend = 0, internal = 0, history = 0, matching = 0, worker = 0, ...membership] = rest;
  return { postgres, keys, frontend, 'internal-frontend': internal, history, matching, worker, membership };
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function end(child: ChildProcess | null, signal: NodeJS.Signals): Promise<void> {
  if (child === null || hasEnded(child)) return;
  child.kill(signal);
  await once(child, 'exit');
}
