// Lists of tasks: filtered, live, page by page; with those that are picked something is done.
import { ACTS } from '../lib/acts.js';
import { plural } from '../lib/format.js';
import { html, useEffect, useState } from '../lib/html.js';
import { page } from '../lib/pages.js';
import { usePoll } from '../lib/poll.js';
import { link, refine } from '../lib/route.js';
import { ActDialog } from '../parts/act.js';
import { Filters, OfThisPage } from '../parts/filters.js';
import { Pager, useCursors } from '../parts/pager.js';
import { TaskTable } from '../parts/task_table.js';
import { Nothing, Stale, Title } from '../parts/words.js';

const PAGE = 50;
const STATUSES = ['open', 'all', 'pending', 'running', 'waiting', 'blocked', 'failed', 'completed', 'cancelled'];
const FIELDS = [
  { name: 'status', title: 'Status', options: STATUSES, aside: ['group'] },
  { name: 'queue', title: 'Queue', holder: 'every queue', aside: ['user', 'group'] },
  { name: 'type', title: 'Type', holder: 'every type' },
  { name: 'user', title: 'User', holder: 'every user', aside: ['queue', 'project', 'group'] },
  { name: 'project', title: 'Project', holder: 'default', aside: ['user', 'group'] },
];

/** The list that is asked for, and what of it: a user's tasks are of every queue and project, a group's are of its queue. */
function asked({ status = 'open', queue, type, user, project, group }) {
  if (group) return ['dead-letters', { project, queue, type, fingerprint: group }];
  const states = status !== 'open' || user ? { status } : {};
  return ['tasks', user ? { user_id: user, ...states, type } : { queue: queue || '*', ...states, type, project }];
}

/** What of an address does not count, in words; empty if all of it does. */
function setAside({ queue, project, user, group }) {
  if (group) return user ? `The user ${user} is set aside: these are all that failed of the same.` : '';
  const places = user ? [queue && `the queue ${queue}`, project && `the project ${project}`].filter(Boolean) : [];
  return places.length > 0 ? `A user's tasks are of every queue and project: ${places.join(' and ')} ${places.length > 1 ? 'are' : 'is'} set aside.` : '';
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
  const [list, of] = asked(query);
  const key = JSON.stringify([list, of]);
  const [cursors, setCursors] = useCursors(key);
  const [picked, setPicked] = useState(new Map());
  const [act, setAct] = useState(null);
  useEffect(() => setPicked(new Map()), [key]);
  const polled = usePoll((signal) => page(list, of, cursors.at(-1), PAGE, signal), [key, cursors.length]);
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
    <${OfThisPage} is=${query.id && (polled.data?.cursor || cursors.length > 0)}>The text of an id is looked for on this page alone, and there are more. A whole id leads to its task wherever that is.<//>
    ${setAside(query) && html`<p class="notice" role="status">${setAside(query)}</p>`}
    ${query.group && html`<p class="notice">Those that failed of the same as the <a href=${link('failures', '', { queue: query.queue, project: query.project })}>group</a> <code>${query.group}</code> <button class="small" onClick=${() => refine({ group: '' })}>All of the queue</button></p>`}
    <${Stale} ...${polled} />
    <${Chosen} chosen=${chosen} clear=${() => setPicked(new Map())} act=${setAct} />
    <${Nothing} ...${polled} isEmpty=${tasks.length === 0}>No task is like that${polled.data?.cursor ? ' among those looked at; there are more' : ''}.<//>
    ${tasks.length > 0 && html`<${TaskTable} name="Tasks" tasks=${tasks} selected=${picked} toggle=${toggle} toggleAll=${toggleAll} />`}
    <${Pager} cursors=${cursors} set=${setCursors} next=${polled.data?.cursor} count=${tasks.length} />
    ${act && html`<${ActDialog} act=${act} tasks=${chosen} close=${(done) => (setAct(null), done && setPicked(new Map()))} />`}`;
}
