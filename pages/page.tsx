import { readFileSync } from 'node:fs';
import path from 'node:path';
import { raw } from 'hono/html';
import type { Child } from 'hono/jsx';
import { renderToString } from 'hono/jsx/dom/server';

const textOf = (name: string): string => readFileSync(path.join(import.meta.dirname, 'browser', name), 'utf8');

// They are part of every page, so that a saved one needs nothing else; it can be read without the scripts too.
const style = textOf('style.css');
const scripts = ['names.js', 'copy.js', 'limits.js'].map(textOf);

interface PageProps {
  readonly title: string;
  readonly body: Child;
}

/** A whole page as text. */
export function page({ title, body }: PageProps): string {
  const text = renderToString(
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{title}</title>
        <style>{raw(style)}</style>
      </head>
      <body>
        <main>{body}</main>
        {scripts.map((script) => (
          <script type="module">{raw(script)}</script>
        ))}
      </body>
    </html>,
  );
  return `<!doctype html>${text}\n`;
}
