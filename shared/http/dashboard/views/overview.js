// What waits, runs and fails, why and since when, at a glance.
import { get } from '../lib/api.js';
import { number } from '../lib/format.js';
import { troubles } from '../lib/health.js';
import { html } from '../lib/html.js';
import { pace } from '../lib/pace.js';
import { all } from '../lib/pages.js';
import { usePoll } from '../lib/poll.js';
import { link } from '../lib/route.js';
import { History } from '../parts/history.js';
import { Pace } from '../parts/pace.js';
import { Queues } from '../parts/queues.js';
import { TaskTable } from '../parts/task_table.js';
import { Nothing, Since, Stale, Status, Title } from '../parts/words.js';

const STATUSES = ['pending', 'running', 'waiting', 'blocked', 'failed', 'completed', 'cancelled'];

/** How many of the newest failures, and of what waits for a person, are shown. */
const NEWEST = 5;

async function load(signal) {
  const [health, queues, failed, blocked, workers] = await Promise.all([
    get('health', { signal, also: [503] }),
    all('queues', signal),
    get(`tasks?queue=*&status=failed&limit=${NEWEST}`, { signal }),
    get(`tasks?queue=*&status=blocked&limit=${NEWEST}`, { signal }),
    all('workers', signal, 100),
  ]);
  return { health, queues, pace: pace(queues), failed: failed.items, blocked: blocked.items, workers };
}

function Health({ health, isIdle }) {
  const found = troubles(health);
  if (found.length === 0) return html`<p class="health ok"><span aria-hidden="true">●</span> All is well${isIdle ? '; nothing waits' : ''}.</p>`;
  return html`<ul class="health">${found.map(({ level, text, type }) => html`<li class=${level}><span aria-hidden="true">●</span> ${text} ${type && html`<a href=${link('tasks', '', { type })}>Its tasks</a>`}</li>`)}</ul>`;
}

function Tiles({ queues, health }) {
  const sum = (status) => queues.reduce((n, queue) => n + queue[status], 0);
  return html`
    <ul class="tiles">
      ${STATUSES.map((status) => html`<li key=${status}><a href=${link('tasks', '', { status })}><b>${number(sum(status))}</b> <${Status} of=${status} /></a></li>`)}
      ${health.oldest_due_at && html`<li class="still"><b><${Since} at=${health.oldest_due_at} /></b> <span>oldest due</span></li>`}
    </ul>`;
}

const Newest = ({ title, tasks, more }) => tasks.length > 0 && html`
  <section><header><h2>${title}</h2><a href=${more}>All of them</a></header><${TaskTable} name=${title} tasks=${tasks} /></section>`;

export function Overview() {
  const polled = usePoll(load, []);
  const { health, queues, failed, blocked, workers } = polled.data ?? {};
  return html`
    <${Title} text="Overview" />
    <${Stale} ...${polled} />
    <${Nothing} ...${polled} isEmpty=${queues?.length === 0}>
      Nothing was ever asked for. Try: <code>curl -d '{"{"}"task_type": …{"}"}' ${location.origin}/v1/tasks</code>; the <a href="#/types">types</a> have examples.
    <//>
    ${polled.data && html`
      <${Health} health=${health} isIdle=${queues.every((queue) => queue.open === 0)} />
      <${Tiles} queues=${queues} health=${health} />
      ${queues.length > 0 && html`<${Pace} data=${polled.data.pace} queues=${queues} /><${History} />`}
      <${Newest} title="Waits for a person" tasks=${blocked} more=${link('tasks', '', { status: 'blocked' })} />
      <${Newest} title="Newest failures" tasks=${failed} more=${link('failures')} />
      <${Queues} queues=${queues} />
      <p class="faint">${workers.length === 0 ? 'No worker outside is known.' : html`<a href=${link('workers')}>${workers.length} ${workers.length === 1 ? 'worker' : 'workers'}</a> outside`} · Errand ${health.version}</p>`}`;
}
