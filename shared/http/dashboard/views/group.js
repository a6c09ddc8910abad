// Tasks that have an end in common: how far they are, and which they are.
import { get, post, segment, withQuery } from '../lib/api.js';
import { STILL } from '../lib/flow.js';
import { number, percent } from '../lib/format.js';
import { html, useState } from '../lib/html.js';
import { usePoll } from '../lib/poll.js';
import { Acts } from '../parts/ask.js';
import { Flow } from '../parts/flow.js';
import { Pager } from '../parts/pager.js';
import { TaskTable } from '../parts/task_table.js';
import { Facts, Nothing, Since, Stale, Status, Title } from '../parts/words.js';

async function load(id, cursor, signal) {
  const path = `groups/${segment(id)}`;
  const [group, members] = await Promise.all([get(path, { signal }), get(withQuery(`${path}/tasks`, { limit: 50, cursor }), { signal })]);
  return { group, members };
}

const policy = (policy) => (typeof policy === 'string' ? policy : Object.entries(policy).map(([name, n]) => `${name} ${n}`).join());

function Shown({ group, members }) {
  const tasks = members.items.map((member) => member.task).filter(Boolean);
  const cancel = { title: 'Cancel', danger: true, text: `Cancels all of its members that live: ${group.total - group.ended} of ${group.total}. Who waits for it goes on.`, go: () => post(`groups/${segment(group.id)}/cancel`) };
  return html`
    <${Title} text=${['Group', group.name].filter(Boolean).join(' ')}> <${Status} of=${group.status} /><//>
    <p class="sub"><code>${group.id}</code></p>
    ${!group.over && html`<${Acts} acts=${[cancel]} />`}
    <progress class="whole" max=${Math.max(1, group.total)} value=${group.ended} aria-label="Members that have ended"></progress>
    <${Facts} of=${[
      ['Ended', `${number(group.ended)} of ${number(group.total)} (${percent(group.total ? group.ended / group.total : 1)})`],
      ['Not completed', number(group.failed)], ['Policy', policy(group.policy)], ['Over', group.over ? 'yes' : 'not yet'],
      ['Begun', html`<${Since} at=${group.created_at} />`],
    ]} />
    <${Flow} group=${group.id} revision=${`${group.status} ${tasks.some(({ status }) => !STILL.includes(status))}`} />
    ${tasks.length > 0 ? html`<${TaskTable} name="Members" tasks=${tasks} />` : html`<div class="notice">It has no members that are kept.</div>`}`;
}

export function Group({ id }) {
  const [cursors, setCursors] = useState([]);
  const polled = usePoll((signal) => load(id, cursors.at(-1), signal), [id, cursors.length]);
  return html`
    ${!polled.data && html`<${Title} text="Group" />`}
    <${Stale} ...${polled} />
    <${Nothing} ...${polled} />
    ${polled.data && html`<${Shown} ...${polled.data} />`}
    <${Pager} cursors=${cursors} set=${setCursors} next=${polled.data?.members.cursor} count=${0} />`;
}
