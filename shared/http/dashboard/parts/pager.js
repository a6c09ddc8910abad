// From one page of a list to the next, and back. `cursors` are those of the pages after the first.
import { html, useState } from '../lib/html.js';

/** The cursors of the pages that were turned to, of the list that `key` names: another list begins at its first. */
export function useCursors(key) {
  const [turned, turn] = useState({ key, cursors: [] });
  return [turned.key === key ? turned.cursors : [], (cursors) => turn({ key, cursors })];
}

export function Pager({ cursors, set, next, count }) {
  if (cursors.length === 0 && !next) return count > 0 ? html`<p class="faint pager">${count} in all</p>` : null;
  const go = (after) => () => (set(after), scrollTo(0, 0));
  return html`
    <div class="pager" role="group" aria-label="Pages">
      <button disabled=${cursors.length === 0} onClick=${go(cursors.slice(0, -1))}>Back</button>
      <span>Page ${cursors.length + 1}</span>
      <button disabled=${!next} onClick=${go([...cursors, next])}>Next</button>
    </div>`;
}
