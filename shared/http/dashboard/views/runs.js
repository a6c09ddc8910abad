// What agents do: the newest first.
import { number, usd } from '../lib/format.js';
import { html } from '../lib/html.js';
import { page } from '../lib/pages.js';
import { usePoll } from '../lib/poll.js';
import { link } from '../lib/route.js';
import { Filters } from '../parts/filters.js';
import { Pager, useCursors } from '../parts/pager.js';
import { Table } from '../parts/table.js';
import { Nothing, Since, Stale, Status, Title } from '../parts/words.js';

const FIELDS = [
  { name: 'status', title: 'Status', options: ['all', 'pending', 'claimed', 'running', 'blocked', 'completed', 'failed', 'cancelled'] },
  { name: 'profile', title: 'Profile', holder: 'every profile' },
  { name: 'executor', title: 'Done by', options: ['all', 'worker', 'runner'] },
  { name: 'project', title: 'Project', holder: 'default' },
];

const COLUMNS = [
  { title: 'Status', of: (run) => html`<${Status} of=${run.status} />` },
  { title: 'Run', of: (run) => html`<a href=${link('runs', run.id)}>${run.result_preview || run.message_preview || html`<code>${run.id.slice(-12)}</code>`}</a>` },
  { title: 'Profile', wide: true, of: (run) => run.profile },
  { title: 'Turns', n: true, wide: true, of: (run) => number(run.turns) },
  { title: 'Tokens', n: true, wide: true, of: (run) => `${number(run.tokens_in)} / ${number(run.tokens_out)}` },
  { title: 'Cost', n: true, of: (run) => usd(run.cost_usd) },
  { title: 'Asked for', of: (run) => html`<${Since} at=${run.queued_at} />` },
];

const given = (value) => (value === 'all' ? '' : value);

export function Runs({ query }) {
  const asked = { status: given(query.status), profile: query.profile, executor: given(query.executor), project: query.project };
  const [cursors, setCursors] = useCursors(JSON.stringify(asked));
  const polled = usePoll((signal) => page('runs', asked, cursors.at(-1), 50, signal), [JSON.stringify(asked), cursors.length]);
  const runs = polled.data?.items ?? [];
  return html`
    <${Title} text="Runs" />
    <${Filters} fields=${FIELDS} query=${query} />
    <${Stale} ...${polled} />
    <${Nothing} ...${polled} isEmpty=${runs.length === 0}>No agent's run is like that. <code>POST ${location.origin}/v1/runs</code> starts one.<//>
    ${runs.length > 0 && html`<${Table} name="Runs" columns=${COLUMNS} rows=${runs} />`}
    <${Pager} cursors=${cursors} set=${setCursors} next=${polled.data?.cursor} count=${runs.length} />`;
}
