// Asks before something is done to tasks: what it hits, why it is done.
import { actOnAll } from '../lib/acts.js';
import { plural } from '../lib/format.js';
import { html, useState } from '../lib/html.js';
import { acted } from '../lib/poll.js';
import { Dialog } from './dialog.js';
import { say } from './toasts.js';
import { Status } from './words.js';

/** How many of those that are hit are shown one by one. */
const SHOWN = 12;

/** The local time in an hour, as the browser's own field wants it. */
function inAnHour() {
  const at = new Date(Date.now() + 3_600_000);
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

const Preview = ({ hit }) => html`
  <ul class="hit" aria-label="What is hit">
    ${hit.slice(0, SHOWN).map((task) => html`<li><${Status} of=${task.status} /> ${task.task_type} <code>${task.id}</code></li>`)}
    ${hit.length > SHOWN && html`<li class="faint">and ${hit.length - SHOWN} more</li>`}
  </ul>`;

/** `close(done)` is told whether something was done to the tasks. */
export function ActDialog({ act, tasks, close }) {
  const [word, setWord] = useState('');
  const [at, setAt] = useState(inAnHour);
  const [told, tell] = useState(null);
  // As they were when this was asked: what is shown is what is hit.
  const [hit] = useState(() => tasks.filter((task) => act.of.includes(task.status)));
  async function go(event) {
    event.preventDefault();
    tell({ done: 0, refused: [] });
    const end = await actOnAll(act, hit, word, new Date(at), tell);
    acted();
    say(`${act.title}: ${plural(end.done, 'task')} done${end.refused.length ? `, ${end.refused.length} refused` : ''}`, end.refused.length > 0);
    if (end.refused.length) tell({ ...end, over: true });
    else close(true);
  }
  const [left] = useState(tasks.length - hit.length);
  return html`
    <${Dialog} title=${`${act.title} ${hit.length === 1 ? 'this task' : plural(hit.length, 'task')}`} close=${() => close(told !== null)}>
      <form onSubmit=${go}>
        <${Preview} hit=${hit} />
        ${left > 0 && html`<p class="faint">${plural(left, 'task is', 'tasks are')} left as ${left === 1 ? 'it is' : 'they are'}: only ${act.of.join(', ')} can be.</p>`}
        ${act.says && html`<label>${act.says}<input name="word" value=${word} maxlength="1000" onInput=${(e) => setWord(e.target.value)} /></label>`}
        ${act.asksTime && html`<label>New start<input type="datetime-local" required value=${at} onInput=${(e) => setAt(e.target.value)} /></label>`}
        ${told?.refused.map(({ task, why }) => html`<p class="notice bad"><code>${task.id}</code> ${why}</p>`)}
        <footer>
          ${told && !told.over && html`<progress max=${hit.length} value=${told.done + told.refused.length} aria-label="Done so far" />`}
          <button type="submit" class=${act.bad ? 'danger' : 'primary'} disabled=${hit.length === 0 || told !== null}>${act.title}</button>
        </footer>
      </form>
    <//>`;
}
