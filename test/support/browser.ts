import { existsSync } from 'node:fs';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';

const places = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The browser of this machine; null where there is none. `apt-get install chromium` brings one; CHROMIUM names another. */
export const browserFile = places.find((place) => place !== undefined && existsSync(place)) ?? null;

export async function openBrowser(): Promise<Browser> {
  // In containers there is no user namespace for its sandbox.
  return await chromium.launch({ executablePath: browserFile ?? '', args: ['--no-sandbox'] });
}

// What runs in the page is given as text: types of browsers belong to no other code here.

/** What axe finds on a page that keeps people out: serious and critical faults, each with the elements. */
export async function faults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return await page.evaluate<string[]>(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
    violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => id + ': ' + nodes.slice(0, 3).map(({ html }) => html.slice(0, 200)).join(' | ')))`);
}

/** Texts of a chart, or of the boxes on top, that lie upon each other, and whatever sticks out of the page sideways. */
export async function overlaps(page: Page): Promise<string[]> {
  return await page.evaluate<string[]>(`(() => {
    const found = [];
    if (document.documentElement.scrollWidth > innerWidth) found.push('the page is wider than its window');
    const boxes = (root, what) => [...root.querySelectorAll(what)]
      .map((one) => ({ text: one.textContent.trim(), box: one.getBoundingClientRect() }))
      .filter(({ text, box }) => text !== '' && box.width > 0);
    const check = (all) => all.forEach((a, at) => all.slice(at + 1).forEach((b) => {
      const across = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
      const down = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
      if (across > 1.5 && down > 3) found.push(a.text + ' lies upon ' + b.text);
    }));
    for (const chart of document.querySelectorAll('svg.chart')) check(boxes(chart, 'text'));
    for (const row of document.querySelectorAll('tr')) check(boxes(row, ':scope > *'));
    check(boxes(document, 'header > *, .glance > div, nav > a, section > h2, section > .lead'));
    return found;
  })()`);
}
