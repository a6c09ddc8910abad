// Lists of tasks: filtered, live, page by page; with those that are picked something is done.
import { ACTS } from '../lib/acts.js';
import { plural } from '../lib/format.js';
import { html, useEffect, useState } from '../lib/html.js';
import { page } from '../lib/pages.js';
import { usePoll } from '../lib/poll.js';
import { link, refine } from '../lib/route.js';
import { ActDialog } from '../parts/act.js';
import { Filters } from '../parts/filters.js';
import { Pager, useCursors } from '../parts/pager.js';
import { TaskTable } from '../parts/task_table.js';
import { Nothing, Stale, Title } from '../parts/words.js';

const PAGE = 50;
const STATUSES = ['open', 'all', 'pending', 'running', 'waiting', 'blocked', 'failed', 'completed', 'cancelled'];
const FIELDS = [
  { name: 'status', title: 'Status', options: STATUSES },
  { name: 'queue', title: 'Queue', holder: 'every queue' },
  { name: 'type', title: 'Type', holder: 'every type' },
  { name: 'user', title: 'User', holder: 'every user' },
  { name: 'project', title: 'Project', holder: 'default' },
];

/** What is asked of `/v1/tasks`: a user's tasks are of every queue. */
function asked({ status = 'open', queue, type, user, project }) {
  const places = user && !queue ? { user_id: user } : { queue: queue || '*', user_id: user };
  const states = status !== 'open' || user ? { status } : {};
  return { ...places, ...states, type, project };
}

const isId = (text) => /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text);

/** A whole id leads to its task; a part of one picks among those that are shown. */
function search(text) {
  if (isId(text)) location.hash = link('tasks', text.toLowerCase());
  else refine({ id: text });
}

function Chosen({ chosen, clear, act }) {
  if (chosen.length === 0) return null;
  return html`
    <div class="chosen" role="region" aria-label="Selected tasks">
      <strong>${plural(chosen.length, 'task')} selected</strong>
      ${ACTS.filter((one) => chosen.some((task) => one.of.includes(task.status))).map((one) => html`
        <button class=${one.bad ? 'danger' : ''} onClick=${() => act(one)}>${one.title} …</button>`)}
      <button class="plain" onClick=${clear}>Select none</button>
    </div>`;
}

export function Tasks({ query }) {
  const query_ = asked(query);
  const key = JSON.stringify(query_);
  const [cursors, setCursors] = useCursors(key);
  const [picked, setPicked] = useState(new Map());
  const [act, setAct] = useState(null);
  useEffect(() => setPicked(new Map()), [key]);
  const polled = usePoll((signal) => page('tasks', query_, cursors.at(-1), PAGE, signal), [key, cursors.length]);
  const all = polled.data?.items ?? [];
  const tasks = query.id ? all.filter((task) => task.id.includes(query.id.toLowerCase())) : all;
  // As they are now, where they are shown.
  const now = new Map(all.map((task) => [task.id, task]));
  const chosen = [...picked.values()].map((task) => now.get(task.id) ?? task);
  const toggle = (task) => setPicked((before) => {
    const after = new Map(before);
    if (!after.delete(task.id)) after.set(task.id, task);
    return after;
  });
  const toggleAll = (on) => setPicked((before) => {
    const after = new Map(before);
    for (const task of tasks) on ? after.set(task.id, task) : after.delete(task.id);
    return after;
  });
  return html`
    <${Title} text="Tasks" />
    <${Filters} fields=${FIELDS} query=${query} text=${{ title: 'Id', value: query.id, search }} />
    <${Stale} ...${polled} />
    <${Chosen} chosen=${chosen} clear=${() => setPicked(new Map())} act=${setAct} />
    <${Nothing} ...${polled} isEmpty=${tasks.length === 0}>No task is like that${polled.data?.cursor ? ' among those looked at; there are more' : ''}.<//>
    ${tasks.length > 0 && html`<${TaskTable} name="Tasks" tasks=${tasks} selected=${picked} toggle=${toggle} toggleAll=${toggleAll} />`}
    <${Pager} cursors=${cursors} set=${setCursors} next=${polled.data?.cursor} count=${tasks.length} />
    ${act && html`<${ActDialog} act=${act} tasks=${chosen} close=${(done) => (setAct(null), done && setPicked(new Map()))} />`}`;
}
