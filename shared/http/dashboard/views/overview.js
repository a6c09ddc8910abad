// What waits, runs and fails, why and since when, at a glance.
import { curl, entered, get, withQuery } from '../lib/api.js';
import { number } from '../lib/format.js';
import { allIsWell, troubles } from '../lib/health.js';
import { html } from '../lib/html.js';
import { pace } from '../lib/pace.js';
import { all } from '../lib/pages.js';
import { usePoll } from '../lib/poll.js';
import { linked, projectsWith } from '../lib/project.js';
import { link } from '../lib/route.js';
import { History } from '../parts/history.js';
import { Pace } from '../parts/pace.js';
import { Queues } from '../parts/queues.js';
import { TaskTable } from '../parts/task_table.js';
import { Nothing, Since, Stale, Status, Title } from '../parts/words.js';

const STATUSES = ['pending', 'running', 'waiting', 'blocked', 'failed', 'completed', 'cancelled'];

/** How many of the newest failures, and of what waits for a person, are shown. */
const NEWEST = 5;

/** In how many projects they are looked for: each is a request. */
const PROJECTS = 5;

/** The newest tasks of this status, and the projects that have such. */
async function newest(queues, status, signal) {
  const projects = projectsWith(queues, status);
  const pages = await Promise.all(projects.slice(0, PROJECTS).map((project) =>
    get(withQuery('tasks', { project, queue: '*', status, limit: NEWEST }), { signal })));
  const since = (task) => Date.parse(task.ended_at ?? task.updated_at);
  return { projects, tasks: pages.flatMap(({ items }) => items).sort((a, b) => since(b) - since(a)).slice(0, NEWEST) };
}

async function load(signal) {
  // Who asks: another may have entered when the answer is there.
  const who = entered.value;
  const [health, { items: queues, more }, workers] = await Promise.all([
    get('health', { signal, also: [503] }), all('queues', signal), all('workers', signal, 100),
  ]);
  const [failed, blocked] = await Promise.all(['failed', 'blocked'].map((status) => newest(queues, status, signal)));
  return { health, queues, more, pace: pace(queues, who), failed, blocked, workers };
}

function Health({ health, isIdle }) {
  const found = troubles(health);
  if (found.length === 0) return html`<p class="health ok"><span aria-hidden="true">●</span> ${allIsWell(health, isIdle)}</p>`;
  return html`<ul class="health">${found.map(({ level, text, type }) => html`<li class=${level}><span aria-hidden="true">●</span> ${text} ${type && html`<a href=${link('tasks', '', { type })}>Its tasks</a>`}</li>`)}</ul>`;
}

/** Where a sum leads to: to its tasks, if they are of one project, or else to the counts that it is of. */
function leadsTo(queues, status) {
  const [project, ...others] = projectsWith(queues, status);
  if (others.length === 0) return { href: link('tasks', '', { status, project: linked(project) }) };
  const show = (event) => (event.preventDefault(), document.querySelector('[aria-label=Queues] a').focus());
  return { href: link('overview'), title: `In ${others.length + 1} projects: see the queues`, onClick: show };
}

function Tiles({ queues, health }) {
  const sum = (status) => queues.reduce((n, queue) => n + queue[status], 0);
  return html`
    <ul class="tiles">
      ${STATUSES.map((status) => html`<li key=${status}><a ...${leadsTo(queues, status)}><b>${number(sum(status))}</b> <${Status} of=${status} /></a></li>`)}
      ${health.oldest_due_at && html`<li class="still"><b><${Since} at=${health.oldest_due_at} /></b> <span>oldest due</span></li>`}
    </ul>`;
}

const Newest = ({ title, of: { tasks, projects }, more }) => tasks.length > 0 && html`
  <section><header><h2>${title}</h2><span>${projects.map((project) => html`<a key=${project} href=${more(linked(project))}>${projects.length > 1 ? `All of ${project}` : 'All of them'}</a> `)}</span></header>
    ${projects.length > PROJECTS && html`<p class="faint">Of ${PROJECTS} of these projects.</p>`}
    <${TaskTable} name=${title} tasks=${tasks} /></section>`;

/** What fills what is empty: a type, and a task of it. */
const first = () => [
  curl('task-types/resize', { method: 'PUT', body: { run: { kind: 'worker' } } }),
  curl('tasks', { body: { task_type: 'resize', payload: { width: 300 } } }),
].join('\n');

export function Overview() {
  const polled = usePoll(load, []);
  const { health, queues, more, failed, blocked, workers } = polled.data ?? {};
  return html`
    <${Title} text="Overview" />
    <${Stale} ...${polled} />
    <${Nothing} ...${polled} isEmpty=${queues?.length === 0}>
      <p>Nothing was ever asked for. Try a type that workers of yours are to do, and a task of it; the <a href="#/types">types</a> that are there have examples.</p>
      <pre tabindex="0" aria-label="To try">${first()}</pre>
    <//>
    ${polled.data && html`
      <${Health} health=${health} isIdle=${queues.every((queue) => queue.open === 0)} />
      ${more && html`<p class="notice" role="status">There are more queues than these ${number(queues.length)}: what is counted here is theirs alone. <code>GET ${location.origin}/v1/queues</code> lists all.</p>`}
      <${Tiles} queues=${queues} health=${health} />
      ${queues.length > 0 && html`<${Pace} data=${polled.data.pace} queues=${queues} /><${History} />`}
      <${Newest} title="Waits for a person" of=${blocked} more=${(project) => link('tasks', '', { status: 'blocked', project })} />
      <${Newest} title="Newest failures" of=${failed} more=${(project) => link('failures', '', { project })} />
      <${Queues} queues=${queues} />
      <p class="faint">${workers.items.length === 0 ? 'No worker outside is known.' : html`<a href=${link('workers')}>${workers.items.length}${workers.more ? ' or more' : ''} ${workers.items.length === 1 ? 'worker' : 'workers'}</a> outside`} · Errand ${health.version}</p>`}`;
}
