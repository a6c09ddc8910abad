// Groups of tasks, the newest first: how far each is.
import { number } from '../lib/format.js';
import { html } from '../lib/html.js';
import { page } from '../lib/pages.js';
import { usePoll } from '../lib/poll.js';
import { link } from '../lib/route.js';
import { Pager, useCursors } from '../parts/pager.js';
import { Table } from '../parts/table.js';
import { Nothing, Since, Stale, Status, Title } from '../parts/words.js';

const Progress = ({ group: { ended, total } }) => html`
  <progress max=${Math.max(1, total)} value=${ended} aria-label="Members that have ended"></progress> ${number(ended)} of ${number(total)}`;

const COLUMNS = [
  { title: 'Status', of: (group) => html`<${Status} of=${group.status} />` },
  { title: 'Flow', of: (group) => html`<a href=${link('groups', group.id)}>${group.name ?? 'group'} <code>${group.id.slice(-12)}</code></a>` },
  { title: 'Ended', of: (group) => html`<${Progress} group=${group} />` },
  { title: 'Not completed', n: true, wide: true, of: (group) => number(group.failed) },
  { title: 'Begun', wide: true, of: (group) => html`<${Since} at=${group.created_at} />` },
];

export function Flows() {
  const [cursors, setCursors] = useCursors('flows');
  const polled = usePoll((signal) => page('groups', {}, cursors.at(-1), 50, signal), [cursors.length]);
  const groups = polled.data?.items ?? [];
  return html`
    <${Title} text="Flows" />
    <${Stale} ...${polled} />
    <${Nothing} ...${polled} isEmpty=${groups.length === 0}>There are no flows. <code>POST ${location.origin}/v1/groups</code> begins one: many tasks, and what comes after them.<//>
    ${groups.length > 0 && html`<${Table} name="Flows" columns=${COLUMNS} rows=${groups} />`}
    <${Pager} cursors=${cursors} set=${setCursors} next=${polled.data?.cursor} count=${groups.length} />`;
}
