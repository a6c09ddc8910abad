// What failed, by what it failed of; a group of them is set going again together.
import { failures, filterOf } from '../lib/failures.js';
import { number } from '../lib/format.js';
import { html, useState } from '../lib/html.js';
import { usePoll } from '../lib/poll.js';
import { linked, queueName } from '../lib/project.js';
import { link } from '../lib/route.js';
import { Filters, OfThisPage } from '../parts/filters.js';
import { Pager, useCursors } from '../parts/pager.js';
import { Redrive } from '../parts/redrive.js';
import { Nothing, Since, Stale, Title } from '../parts/words.js';

const FIELDS = [
  { name: 'queue', title: 'Queue', holder: 'every queue' },
  { name: 'type', title: 'Type', holder: 'every type' },
  { name: 'kind', title: 'Kind', holder: 'every kind' },
  { name: 'project', title: 'Project', holder: 'default' },
];

const nameOf = (group) => `${group.queue} ${group.fingerprint}`;

const Group = ({ group, redrive }) => html`
  <li class="card" data-row key=${nameOf(group)}>
    <div class="what"><strong><a href=${link('tasks', group.newest_task_id)}>${group.message || 'Nothing was said.'}</a></strong></div>
    <p class="faint">${group.task_type} · ${group.failure_kind} · queue ${queueName(group)} · last <${Since} at=${group.last_seen} />, first <${Since} at=${group.first_seen} /></p>
    <div class="acts"><a class="count" href=${link('tasks', '', { status: 'failed', queue: group.queue, project: linked(group.project), group: group.fingerprint })}><b>${number(group.tasks)}${group.at_least ? '+' : ''}</b> ${group.tasks === 1 ? 'task' : 'tasks'}</a>
      <button onClick=${() => redrive(group)}>Redrive …</button></div>
  </li>`;

export function Failures({ query }) {
  const [group, redrive] = useState(null);
  const asked = { queue: query.queue || '*', project: query.project };
  const [cursors, setCursors] = useCursors(JSON.stringify(asked));
  const polled = usePoll((signal) => failures(asked, cursors.at(-1), signal), [asked.queue, asked.project, cursors.length]);
  const groups = polled.data?.items.filter(({ task_type: type, failure_kind: kind }) =>
    type.includes(query.type ?? '') && kind.includes(query.kind ?? '')) ?? [];
  const search = (text) => (location.hash = link('tasks', '', { status: 'failed', id: text }));
  return html`
    <${Title} text="Failures" />
    <${Filters} fields=${FIELDS} query=${query} text=${{ title: 'Id', search }} />
    <${OfThisPage} is=${(query.type || query.kind) && (polled.data?.cursor || cursors.length > 0)}>Type and kind are looked for on this page alone, and there are more.<//>
    <${Stale} ...${polled} />
    <${Nothing} ...${polled} isEmpty=${groups.length === 0}>Nothing that is like that has failed${polled.data?.cursor ? ' among what was looked at' : ''}.<//>
    <ul class="groups" aria-label="Groups of failures">${groups.map((one) => html`<${Group} key=${nameOf(one)} group=${one} redrive=${redrive} />`)}</ul>
    <${Pager} cursors=${cursors} set=${setCursors} next=${polled.data?.cursor} count=${0} />
    ${group && html`<${Redrive} group=${group} filter=${filterOf(group)} close=${() => redrive(null)} />`}`;
}
