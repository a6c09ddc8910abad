// What makes tasks again and again.
import { number } from '../lib/format.js';
import { html, useState } from '../lib/html.js';
import { page } from '../lib/pages.js';
import { usePoll } from '../lib/poll.js';
import { link } from '../lib/route.js';
import { stateOf, when } from '../lib/schedule.js';
import { Pager } from '../parts/pager.js';
import { Table } from '../parts/table.js';
import { Nothing, Since, Stale, Status, Title } from '../parts/words.js';

const COLUMNS = [
  { title: 'Schedule', of: (one) => html`<a href=${link('schedules', one.id)}>${one.id}</a>` },
  { title: 'State', of: (one) => html`<${Status} of=${stateOf(one)} />` },
  { title: 'When', of: (one) => html`<code>${when(one.spec)}</code>` },
  { title: 'Makes', wide: true, of: (one) => one.task.task_type },
  { title: 'Next', of: (one) => (one.paused || !one.next?.length ? '–' : html`<${Since} at=${one.next[0].effective} />`) },
  { title: 'Last', wide: true, of: (one) => html`<${Since} at=${one.last} />` },
  { title: 'Fired', n: true, wide: true, of: (one) => number(one.fired) },
  { title: 'Left out', n: true, wide: true, of: (one) => number(one.skipped + one.missed) },
];

export function Schedules() {
  const [cursors, setCursors] = useState([]);
  const polled = usePoll((signal) => page('schedules', {}, cursors.at(-1), 50, signal), [cursors.length]);
  const schedules = polled.data?.items ?? [];
  return html`
    <${Title} text="Schedules" />
    <${Stale} ...${polled} />
    <${Nothing} ...${polled} isEmpty=${schedules.length === 0}>There is no schedule. <code>PUT ${location.origin}/v1/schedules/NAME</code> makes one.<//>
    ${schedules.length > 0 && html`<${Table} name="Schedules" columns=${COLUMNS} rows=${schedules} />`}
    <${Pager} cursors=${cursors} set=${setCursors} next=${polled.data?.cursor} count=${schedules.length} />`;
}
