// The name of whatever mark of a chart is nearest to the pointer, at once, instead of the browser's slow hint.

/** How far from a mark its name is shown, in pixels. */
const REACH = 18;

const tip = document.createElement('div');
tip.id = 'tip';
tip.hidden = true;
document.body.append(tip);

let near = null;

function takeNames(root) {
  for (const title of root.querySelectorAll('svg title')) {
    title.parentElement.dataset.name = title.textContent;
    title.remove();
  }
}

function nearest(svg, { clientX, clientY }) {
  let best = { distance: REACH, mark: null };
  for (const mark of svg.querySelectorAll('[data-name]')) {
    const { left, right, top, bottom } = mark.getBoundingClientRect();
    const dx = Math.max(left - clientX, 0, clientX - right);
    const dy = Math.max(top - clientY, 0, clientY - bottom);
    // Of two that overlap the one whose middle is closer is named.
    const middle = Math.hypot((left + right) / 2 - clientX, (top + bottom) / 2 - clientY) / 1000;
    const distance = Math.hypot(dx, dy) + middle;
    if (distance < best.distance) best = { distance, mark };
  }
  return best.mark;
}

function hide() {
  near?.classList.remove('near');
  near = null;
  tip.hidden = true;
}

function show(event) {
  const svg = event.target instanceof Element ? event.target.closest('svg') : null;
  const mark = svg === null ? null : nearest(svg, event);
  if (mark === null) return hide();
  if (mark !== near) {
    hide();
    near = mark;
    mark.classList.add('near');
    tip.textContent = mark.dataset.name;
    tip.hidden = false;
  }
  const { width, height } = tip.getBoundingClientRect();
  const isLow = event.clientY + 18 + height > innerHeight;
  tip.style.left = `${Math.max(8, Math.min(event.clientX + 14, innerWidth - width - 8))}px`;
  tip.style.top = `${isLow ? event.clientY - height - 12 : event.clientY + 18}px`;
}

takeNames(document);
document.addEventListener('renewed', ({ target }) => takeNames(target));
document.addEventListener('pointermove', show);
document.addEventListener('scroll', hide, { passive: true, capture: true });
