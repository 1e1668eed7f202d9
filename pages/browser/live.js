// Takes the parts of a page that have changed from the server, as it sends them.

const state = document.createElement('p');
state.className = 'connection';
state.setAttribute('role', 'status');
document.querySelector('main').prepend(state);

/** Changes of parts whose form is being filled in wait until it is left. */
const waiting = new Map();

function replace(id, html) {
  const part = document.getElementById(`part-${id}`);
  if (part === null) return location.reload();
  if (part.contains(document.activeElement) && document.activeElement.matches('input, textarea, select')) {
    waiting.set(id, html);
    return undefined;
  }
  const open = [...part.querySelectorAll('details')].map((one) => one.open);
  const focused = part.contains(document.activeElement) ? document.activeElement.id : '';
  part.innerHTML = html;
  for (const [at, one] of part.querySelectorAll('details').entries()) one.open = open[at] ?? one.open;
  if (focused !== '') document.getElementById(focused)?.focus();
  part.dispatchEvent(new CustomEvent('renewed', { bubbles: true }));
  return undefined;
}

document.addEventListener('focusout', () =>
  setTimeout(() => {
    for (const [id, html] of waiting) {
      waiting.delete(id);
      replace(id, html);
    }
  }),
);

const source = new EventSource(document.body.dataset.changes);
source.addEventListener('part', ({ data }) => {
  const { id, html } = JSON.parse(data);
  replace(id, html);
});
source.addEventListener('open', () => (state.textContent = ''));
source.addEventListener('error', () => (state.textContent = 'not connected: this is how things stood; trying again …'));
