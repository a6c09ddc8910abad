// Who takes tasks from outside, and when they were last heard of.
import { ask, segment } from '../lib/api.js';
import { number } from '../lib/format.js';
import { html } from '../lib/html.js';
import { all } from '../lib/pages.js';
import { usePoll } from '../lib/poll.js';
import { Acts } from '../parts/ask.js';
import { Table } from '../parts/table.js';
import { Nothing, Since, Stale, Status, Title } from '../parts/words.js';

/** Has it take no more tasks, or some again; all else it says of itself stays. */
function turn({ id, pool, task_types, capacity, version, metadata }, state) {
  return ask('PUT', `workers/${segment(id)}`, { body: { pool, task_types, capacity, version, metadata, state } });
}

const actOn = (worker) => worker.state === 'drain'
  ? { title: 'Resume', text: `${worker.id} takes tasks again.`, go: () => turn(worker, 'run') }
  : { title: 'Drain', text: `${worker.id} ends what it has, and takes no more.`, go: () => turn(worker, 'drain') };

const COLUMNS = [
  { title: 'Worker', of: (one) => html`<strong>${one.id}</strong>` },
  { title: 'State', of: (one) => html`<${Status} of=${one.state} />` },
  { title: 'Heard of', of: (one) => html`<${Since} at=${one.last_seen_at} />` },
  { title: 'Types', of: (one) => one.task_types.join(', ') },
  { title: 'Pool', wide: true, of: (one) => one.pool ?? '' },
  { title: 'At a time', n: true, wide: true, of: (one) => one.capacity ?? '' },
  { title: 'Version', wide: true, of: (one) => one.version ?? '' },
  { title: 'Act', of: (one) => html`<${Acts} acts=${[actOn(one)]} />` },
];

export function Workers() {
  const polled = usePoll((signal) => all('workers', signal), []);
  const { items: workers = [], more } = polled.data ?? {};
  return html`
    <${Title} text="Workers" />
    <p class="faint">Programs of yours that take tasks over HTTP, and have said so. Types that Errand runs itself need none.</p>
    <${Stale} ...${polled} />
    <${Nothing} ...${polled} isEmpty=${workers.length === 0}>No worker has made itself known. The clients for Python and TypeScript do so, or <code>PUT ${location.origin}/v1/workers/NAME</code>.<//>
    ${more && html`<p class="notice" role="status">These are ${number(workers.length)} of more. <code>GET ${location.origin}/v1/workers</code> lists all.</p>`}
    ${workers.length > 0 && html`<${Table} name="Workers" columns=${COLUMNS} rows=${workers} />`}`;
}
