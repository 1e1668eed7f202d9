import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { raw } from 'hono/html';
import type { Child } from 'hono/jsx';
import { renderToString } from 'hono/jsx/dom/server';
import { shippedFile } from '../artifacts/paths.ts';

const textOf = (name: string): string => readFileSync(shippedFile(`pages/browser/${name}`), 'utf8');

// They are part of every page, so that a saved one needs nothing else; it can be read without the scripts too.
const style = ['page.css', 'charts.css', 'forms.css'].map(textOf).join('\n');
const scripts = ['names.js', 'copy.js', 'limits.js'].map(textOf);
const liveScript = textOf('live.js');

/** A piece of a page that a live page can replace by itself. */
export interface Part {
  readonly id: string;
  readonly content: Child;
  /** What it is drawn from, where that is worth knowing: it is drawn again only when one of these is another object. */
  readonly of?: readonly unknown[];
}

interface PageProps {
  readonly title: string;
  readonly parts: readonly Part[];
  /** Links above the page, to other pages. */
  readonly crumbs?: Child;
  /** Where a live page gets its changes from, an address. */
  readonly changes?: string;
}

/** A whole page as text. */
export function page({ title, parts, crumbs, changes }: PageProps): string {
  const all = changes === undefined ? scripts : [...scripts, liveScript];
  const text = renderToString(
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{title}</title>
        <style>{raw(style)}</style>
      </head>
      <body data-changes={changes}>
        <main>
          {crumbs === undefined ? null : <p class="crumbs">{crumbs}</p>}
          {parts.map(({ id, content }) => (
            <div id={`part-${id}`}>{content}</div>
          ))}
        </main>
        {all.map((script) => (
          <script type="module">{raw(script)}</script>
        ))}
      </body>
    </html>,
  );
  return `<!doctype html>${text}\n`;
}

/** What a part holds, as text. */
export function partText({ content }: Part): string {
  return renderToString(<>{content}</>);
}

/** What a page may do in a browser that got it from a server: run these very scripts, ask that server, and nothing else. */
export const contentPolicy: string = [
  "default-src 'none'",
  `style-src ${hashOf(style)}`,
  `script-src ${[...scripts, liveScript].map(hashOf).join(' ')}`,
  "connect-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
