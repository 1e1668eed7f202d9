// The best subnets under limits, chosen among all of a ranking, which the page holds as gzipped columns (pages/ranking.tsx).

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  const lines = (await new Response(stream).text()).split('\n');
  const [ids, codes, ...columns] = lines.map((line) => line.split(' '));
  const [score, error, macs, parameters, depth] = columns.map((cells) =>
    cells.map((cell) => (cell === '' ? NaN : Number(cell))),
  );
  return ids.map((id, at) => ({
    id,
    code: codes[at],
    score: score[at],
    error: error[at],
    macs: macs[at],
    parameters: parameters[at],
    depth: depth[at],
  }));
}

/** They come best first, of equals the cheaper first: one is on the front if it costs less than all before it. */
function onFront(subnets) {
  let last = { score: NaN, macs: Infinity };
  return subnets.filter((subnet) => {
    const isEqual = subnet.score === last.score && subnet.macs === last.macs;
    if (Number.isNaN(subnet.score) || (subnet.macs >= last.macs && !isEqual)) return false;
    last = subnet;
    return true;
  });
}

/** As `gmacs` of report/format.ts. */
function gmacs(macs) {
  const billions = macs / 1e9;
  if (billions >= 1000) return Math.round(billions).toLocaleString('en-US');
  return billions >= 100 ? billions.toFixed(0) : billions.toPrecision(3);
}

function rowOf({ id, code, score, error, macs, parameters, depth }) {
  const row = document.createElement('tr');
  const texts = [id, score.toFixed(2), error.toFixed(2), gmacs(macs), parameters.toLocaleString('en-US'), depth];
  for (const [at, text] of texts.entries()) {
    const cell = row.insertCell();
    cell.textContent = text;
    if (at > 0) cell.className = 'number';
  }
  const element = document.createElement('code');
  element.textContent = code;
  row.insertCell().append(element);
  return row;
}

/** An empty field sets no limit. */
function limit({ value }, unit) {
  return value === '' ? Infinity : Number(value) * unit;
}

async function choose(form) {
  const part = form.closest('.best');
  part.subnets ??= await unpack(part.querySelector('script.packed').textContent);
  const { gmacs: mostMacs, params: mostParameters, front, rows } = form.elements;
  const [macs, parameters] = [limit(mostMacs, 1e9), limit(mostParameters, 1e6)];
  const within = part.subnets.filter((subnet) => subnet.macs <= macs && subnet.parameters <= parameters);
  const wanted = front.checked ? onFront(within) : within;
  const shown = wanted.slice(0, Number(rows.value));
  part.querySelector('tbody').replaceChildren(...shown.map(rowOf));
  const [some, all] = [shown.length, wanted.length].map((count) => count.toLocaleString('en-US'));
  form.querySelector('output').textContent = `${some} of ${all} shown`;
}

function offer(root) {
  if (!('DecompressionStream' in globalThis)) return;
  for (const form of root.querySelectorAll('form.limits[hidden]')) {
    form.hidden = false;
    form.addEventListener('input', () => void choose(form));
    form.addEventListener('submit', (event) => event.preventDefault());
  }
}

offer(document);
document.addEventListener('renewed', ({ target }) => offer(target));
