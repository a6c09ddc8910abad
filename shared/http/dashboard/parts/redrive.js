// Sets failed tasks going again: first what it would be, then so many a second, with how far it is, until it is stopped.
import { post } from '../lib/api.js';
import { plural } from '../lib/format.js';
import { html, useEffect, useRef, useState } from '../lib/html.js';
import { acted } from '../lib/poll.js';
import { Dialog } from './dialog.js';
import { say } from './toasts.js';

/** Tasks of one call: few enough that a stop is soon. */
const CALL = 200;

/** How many calls of a dry run count what would be hit; beyond, there are more. */
const LOOKS = 10;

const redrive = (body) => post('dead-letters/redrive', body);

async function preview(filter) {
  let [matched, items, cursor, looks] = [0, [], null, 0];
  do {
    const answer = await redrive({ filter, dry_run: true, limit: 1000, cursor });
    matched += answer.matched ?? 0;
    items = items.length ? items : answer.items ?? [];
    cursor = answer.cursor;
  } while (cursor && ++looks < LOOKS);
  return { matched, items, more: Boolean(cursor) };
}

function Hit({ hit }) {
  return html`
    <p><strong>${plural(hit.matched, 'task')}${hit.more ? ' or more' : ''}</strong> would be set going again, with all retries.</p>
    <ul class="hit" aria-label="What is hit">${hit.items.slice(0, 8).map((item) => html`<li><code>${item.id}</code> ${item.message}</li>`)}
      ${hit.matched > 8 && html`<li class="faint">and ${hit.matched - 8} more</li>`}</ul>`;
}

export function Redrive({ group, filter, close }) {
  const [hit, see] = useState(null);
  const [error, refuse] = useState('');
  const [done, tell] = useState(null);
  const stopped = useRef(false);
  useEffect(() => {
    preview(filter).then(see, (failed) => refuse(failed.message));
    return () => (stopped.current = true);
  }, []);
  async function go(event) {
    event.preventDefault();
    const given = new FormData(event.target);
    const [rate, note] = [Number(given.get('rate')) || null, given.get('note') || null];
    let [redriven, cursor] = [0, null];
    tell(0);
    try {
      do {
        const answer = await redrive({ filter, limit: CALL, rate, note, cursor });
        redriven += answer.done;
        cursor = answer.cursor;
        tell(redriven);
      } while (cursor && !stopped.current);
      say(`${plural(redriven, 'task')} set going again${cursor ? ', then stopped' : ''}`);
      close();
    } catch (failed) {
      refuse(failed.message);
    }
    acted();
  }
  return html`
    <${Dialog} title="Redrive" close=${close}>
      <form onSubmit=${go}>
        <p class="faint">${group.task_type}, ${group.failure_kind}, queue ${group.queue}: ${group.message}</p>
        ${hit ? html`<${Hit} hit=${hit} />` : !error && html`<p aria-busy="true">Looking what would be hit …</p>`}
        <label>Tasks per second<input name="rate" type="number" min="0.1" max="1000" step="any" defaultValue="10" /></label>
        <label>Note to the handlers and the log<input name="note" maxlength="1000" placeholder="What was mended" /></label>
        ${error && html`<p class="notice bad" role="alert">${error}</p>`}
        <footer>
          ${done !== null && hit && html`<progress max=${Math.max(hit.matched, done)} value=${done} aria-label="Set going again so far" />
            <button type="button" onClick=${() => (stopped.current = true)}>Stop</button>`}
          <button type="submit" class="primary" disabled=${!hit?.matched || done !== null}>Redrive</button>
        </footer>
      </form>
    <//>`;
}
