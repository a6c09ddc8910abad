// What there is to ask for: each type with what it takes, and a task of it to try.
import { get, post } from '../lib/api.js';
import { lasted } from '../lib/format.js';
import { html } from '../lib/html.js';
import { usePoll } from '../lib/poll.js';
import { link, refine } from '../lib/route.js';
import { Acts } from '../parts/ask.js';
import { Filters } from '../parts/filters.js';
import { Json } from '../parts/json.js';
import { Nothing, Since, Stale, Title } from '../parts/words.js';

const RUNS = { worker: 'by workers outside', push: 'by a target that is called', target: 'by a target that is called' };
const runBy = ({ run }) => (run ? RUNS[run.kind] ?? `by ${run.kind}` : 'here');

const enqueue = (type) => ({
  title: 'Enqueue',
  fields: [
    { name: 'payload', label: 'Payload', type: 'text', value: JSON.stringify(type.example ?? {}, null, 2), required: true },
    { name: 'queue', label: 'Queue', value: 'default', required: true },
    { name: 'user_id', label: 'User, if it is about one' },
  ],
  go: async ({ payload, queue, user_id: user }) => {
    const task = await post('tasks', { task_type: type.name, payload: JSON.parse(payload), queue, user_id: user || null });
    location.hash = link('tasks', task.id);
    return task;
  },
});

const Type = ({ type }) => html`
  <li class="card" data-row>
    <div class="what"><strong><a href=${link('tasks', '', { type: type.name, status: 'all' })}>${type.name}</a></strong>
      <span class="faint">runs ${runBy(type)}${type.pool ? `, pool ${type.pool}` : ''}${type.timeout_s ? `, ${lasted(type.timeout_s * 1000)} at most` : ''}${type.mcp ? ', a tool for agents' : ''}</span>${!type.retired_at && html`<${Acts} acts=${[enqueue(type)]} />`}</div>
    ${type.retired_at && html`<p class="notice warn">Retired <${Since} at=${type.retired_at} />: no more of its tasks are taken.</p>`}
    ${type.description && html`<p>${type.description}</p>`}
    ${(type.schema || type.run) && html`<details><summary>Schema and settings</summary><${Json} title=${`Schema of ${type.name}`} value=${type.schema} /><${Json} title=${`How ${type.name} is run`} value=${type.run && { run: type.run, retry: type.retry, max_retries: type.max_retries }} /></details>`}
  </li>`;

export function Types({ query }) {
  const polled = usePoll((signal) => get('task-types', { signal }), [], 10_000);
  const text = (query.text ?? '').toLowerCase();
  const types = polled.data?.items.filter((type) => `${type.name} ${type.description}`.toLowerCase().includes(text)) ?? [];
  return html`
    <${Title} text="Types" />
    <${Filters} fields=${[]} query=${query} text=${{ title: 'Name or description', value: query.text, search: (text) => refine({ text }) }} />
    <${Stale} ...${polled} />
    <${Nothing} ...${polled} isEmpty=${types.length === 0}>No type is like that.<//>
    <ul class="groups" aria-label="Types">${types.map((type) => html`<${Type} key=${type.name} type=${type} />`)}</ul>`;
}
