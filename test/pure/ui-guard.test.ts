import { expect, test } from 'vitest';
import { uiApp } from '../../cli/ui/app.tsx';
import { Guard } from '../../cli/ui/guard.ts';
import { syntheticRun } from '../support/synthetic-run.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const HOST = '127.0.0.1:7244';
const ORIGIN = `http://${HOST}`;

function served({ isReadOnly = false } = {}) {
  const root = temporaryFolder();
  syntheticRun(root, 'run', { supernets: 2, epochs: 2, subnets: 20 });
  const guard = new Guard(7244, [HOST]);
  const app = uiApp({ server: null, root, guard, isReadOnly });
  const cookie = `nas_ui_7244=${guard.key}`;
  const get = async (path: string, headers: Record<string, string> = { cookie }) =>
    await app.request(`${ORIGIN}${path}`, { headers: { host: HOST, ...headers } });
  const post = async (headers: Record<string, string>, token = guard.token) =>
    await app.request(`${ORIGIN}/runs/run/pause`, {
      method: 'POST',
      headers: { host: HOST, 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams({ token }).toString(),
    });
  return { guard, cookie, get, post };
}

// Past the guard there is no server of runs here: that is the answer of one who was let in.
const LET_IN = 409;

test('a change is let in from a page of the server itself, with its cookie and its token', async () => {
  const { cookie, post } = served();
  expect((await post({ cookie, origin: ORIGIN })).status).toBe(LET_IN);
});

test.each<[string, (own: { cookie: string }) => Record<string, string>, string | undefined]>([
  [
    'that another site sends, cookie and token known to it',
    ({ cookie }) => ({ cookie, origin: 'http://evil.example' }),
    undefined,
  ],
  ['of another port of this machine', ({ cookie }) => ({ cookie, origin: 'http://127.0.0.1:8080' }), undefined],
  ['of a page whose origin is hidden', ({ cookie }) => ({ cookie, origin: 'null' }), undefined],
  ['that does not say where it comes from', ({ cookie }) => ({ cookie }), undefined],
  ['without the token', ({ cookie }) => ({ cookie, origin: ORIGIN }), ''],
  ['with a wrong token', ({ cookie }) => ({ cookie, origin: ORIGIN }), 'a'.repeat(32)],
])('a change %s is refused', async (_, headersOf, token) => {
  const { cookie, post } = served();
  expect((await post(headersOf({ cookie }), token)).status).toBe(403);
});

test('nobody without the key reads or changes anything', async () => {
  const { get, post } = served();
  for (const path of ['/', '/runs/run', '/runs/run/changes', '/compare?run=run&run=run', '/?key=wrong']) {
    expect((await get(path, {})).status).toBe(401);
    expect((await get(path, { cookie: 'nas_ui_7244=wrong' })).status).toBe(401);
  }
  expect((await post({ origin: ORIGIN })).status).toBe(401);
});

test('the key becomes a cookie that other sites cannot have sent along, and leaves the address', async () => {
  const { guard, get } = served();
  const answer = await get(`/runs/run?key=${guard.key}`, {});
  expect(answer.status).toBe(303);
  expect(answer.headers.get('location')).toBe('/runs/run');
  expect((await get(`//evil.example/?key=${guard.key}`, {})).headers.get('location')).toBe('/evil.example/');
  expect(answer.headers.get('set-cookie')).toMatch(/; HttpOnly; SameSite=Strict$/);
});

test('a foreign name that leads to this machine is refused', async () => {
  const { cookie, get } = served();
  expect((await get('/', { cookie, host: 'evil.example:7244' })).status).toBe(403);
});

test('pages run their own scripts alone, are shown in no frame, and no other origin may read them', async () => {
  const { get } = served();
  const { headers } = await get('/runs/run');
  const policy = headers.get('content-security-policy') ?? '';
  expect(policy).toMatch(
    /default-src 'none'; style-src 'sha256-[^ ]+'; script-src ('sha256-[^ ]+' ?){4}; connect-src 'self'/,
  );
  expect(policy).not.toMatch(/unsafe/);
  expect(policy).toContain("frame-ancestors 'none'");
  expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
});

test('a server that is only to be read refuses every change and has no button for one', async () => {
  const { cookie, get, post } = served({ isReadOnly: true });
  expect((await post({ cookie, origin: ORIGIN })).status).toBe(403);
  expect(await (await get('/runs/run')).text()).not.toContain('method="post"');
});

test('results without a server have their page, and a run that nobody knows is told so', async () => {
  const { get } = served();
  expect(await (await get('/runs/run')).text()).toContain('data-name="supernet-2"');
  const unknown = await get('/runs/nobody');
  expect([unknown.status, await unknown.text()]).toEqual([
    422,
    expect.stringContaining('run nobody: expected results'),
  ]);
  expect((await get('/runs/..%2Fetc')).status).toBe(422);
  expect((await get('/nothing')).status).toBe(404);
});
