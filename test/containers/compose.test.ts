import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { load } from 'js-yaml';
import { expect, test } from 'vitest';
import { z } from 'zod';

// npm run test:containers

const Service = z.object({
  image: z.string(),
  read_only: z.boolean().default(false),
  cap_drop: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  tmpfs: z.array(z.string()).default([]),
  ports: z.array(z.object({ host_ip: z.string().default('0.0.0.0') })).default([]),
});
const Project = z.object({ services: z.record(z.string(), Service) });

test('Docker Compose takes the compose file; its ports are open to this machine alone, and our containers can do no more than they need', async () => {
  const loader = path.join(process.env['NAS_CONTAINER_TOOLS'] ?? '', 'compose');
  const { stdout } = await promisify(execFile)(loader, ['production/docker/compose.yml'], {
    env: { ...process.env, COMPOSE_PROFILES: 'command' },
  });
  const services = Object.values(Project.parse(load(stdout)).services);
  const open = services.flatMap(({ ports }) => ports.map(({ host_ip: host }) => host));
  expect(new Set(open)).toEqual(new Set(['127.0.0.1']));
  const ours = services.filter(({ image }) => image === 'fewshot-nas');
  expect(ours).toHaveLength(3);
  const confined = { read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'], tmpfs: ['/tmp'] };
  for (const service of ours) expect(service).toMatchObject(confined);
});
