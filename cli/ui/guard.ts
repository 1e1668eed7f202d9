import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { getCookie, setCookie } from 'hono/cookie';
import { createMiddleware } from 'hono/factory';
import { contentPolicy } from '../../pages/page.tsx';

/**
 * Who may look and who may change. Whoever opens the address that `nas ui` prints gets a cookie that no other site can have
 * sent along (SameSite=Strict). A change needs this cookie, the token that only pages of ours hold, and an Origin that is the
 * server itself; no answer allows another origin to read it.
 */
export class Guard {
  /** Part of the printed address. */
  readonly key = randomBytes(24).toString('base64url');
  /** Part of every form. */
  readonly token = randomBytes(24).toString('base64url');
  readonly #cookie: string;
  readonly #hosts: ReadonlySet<string> | null;

  /** @param hosts what a browser may call this server, with its port; null where it is reached by names that nobody knows here */
  constructor(port: number, hosts: readonly string[] | null) {
    // Browsers keep cookies by host, whatever the port.
    this.#cookie = `nas_ui_${port}`;
    this.#hosts = hosts === null ? null : new Set(hosts);
  }

  /** Lets in whoever has the key. */
  readonly reading = createMiddleware(async (context, next) => {
    const host = context.req.header('host') ?? '';
    // A name of somebody else's that leads here (DNS rebinding).
    if (this.#hosts !== null && !this.#hosts.has(host)) return context.text(`no such host: ${host}`, 403);
    const given = context.req.query('key');
    if (context.req.method === 'GET' && given !== undefined && isSame(given, this.key)) {
      setCookie(context, this.#cookie, this.key, { httpOnly: true, sameSite: 'Strict', path: '/' });
      const { pathname, searchParams } = new URL(context.req.url);
      searchParams.delete('key');
      const rest = searchParams.size === 0 ? '' : `?${searchParams.toString()}`;
      // Two slashes would lead to another site.
      return context.redirect(pathname.replace(/^\/+/, '/') + rest, 303);
    }
    if (!isSame(getCookie(context, this.#cookie) ?? '', this.key)) {
      return context.text('Open the address that `nas ui` has printed: it has a key that this page needs.', 401);
    }
    await next();
    context.header('Content-Security-Policy', contentPolicy);
    context.header('X-Content-Type-Options', 'nosniff');
    // Another site learns no address of ours; our own forms still say where they come from.
    context.header('Referrer-Policy', 'same-origin');
    context.header('Cache-Control', 'no-store');
    return undefined;
  });

  /** Lets a change through, if one of our own pages asks for it. */
  readonly changing = createMiddleware(async (context, next) => {
    const origin = context.req.header('origin');
    const host = context.req.header('host') ?? '';
    const { token } = await context.req.parseBody();
    const isOurs = origin === `http://${host}` && typeof token === 'string' && isSame(token, this.token);
    if (!isOurs) return context.text('refused: a change must come from a page of this server; open it anew', 403);
    await next();
    return undefined;
  });
}

// Hashed, for the comparison takes as long whatever is given.
function isSame(given: string, wanted: string): boolean {
  const [a, b] = [given, wanted].map((text) => createHash('sha256').update(text).digest());
  return timingSafeEqual(a!, b!);
}
