// A button to copy behind every path and command; and what is folded away opened for whoever prints the page, but the numbers of its charts.

function addButtons(root) {
  if (navigator.clipboard === undefined) return;
  for (const place of root.querySelectorAll('[data-copy]:not(:has(button))')) {
    const text = place.dataset.copy || place.textContent;
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'copy';
    button.textContent = 'copy';
    button.setAttribute('aria-label', `copy ${text.slice(0, 80)}`);
    button.addEventListener('click', () => void copy(text, button));
    place.append(button);
  }
}

async function copy(text, button) {
  await navigator.clipboard.writeText(text);
  button.textContent = 'copied';
  setTimeout(() => (button.textContent = 'copy'), 1500);
}

addButtons(document);
document.addEventListener('renewed', ({ target }) => addButtons(target));

addEventListener('beforeprint', () => {
  for (const closed of document.querySelectorAll('details:not([open], .numbers)')) {
    closed.open = true;
    closed.dataset.printing = '';
  }
});
addEventListener('afterprint', () => {
  for (const opened of document.querySelectorAll('details[data-printing]')) {
    opened.open = false;
    delete opened.dataset.printing;
  }
});
