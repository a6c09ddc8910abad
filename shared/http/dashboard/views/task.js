// One task: how it stands and why, what happened to it, and what can be done.
import { actsOn } from '../lib/acts.js';
import { get, segment, withQuery } from '../lib/api.js';
import { html, useState } from '../lib/html.js';
import { usePoll } from '../lib/poll.js';
import { link } from '../lib/route.js';
import { ActDialog } from '../parts/act.js';
import { Copy, Json } from '../parts/json.js';
import { LogTable } from '../parts/log.js';
import { TaskTable } from '../parts/task_table.js';
import { Timeline } from '../parts/timeline.js';
import { Facts, Nothing, Since, Stale, Status, TaskLink, Title } from '../parts/words.js';

const LIVE = ['pending', 'running', 'waiting'];

async function load(id, signal) {
  const [task, log, children] = await Promise.all([
    get(`tasks/${segment(id)}`, { signal }),
    get(`tasks/${segment(id)}/log?limit=100`, { signal }),
    get(withQuery('tasks', { parent_id: id, limit: 20 }), { signal }),
  ]);
  return { task, log, children: children.items };
}

/** Why it is as it is, in a sentence where there is one. */
function Why({ task }) {
  const newest = task.last_errors?.at(-1);
  if (task.failure) return html`<div class="notice bad"><strong>Failed (${task.failure.kind}).</strong> ${task.failure.message}</div>`;
  if (task.status === 'blocked') return html`<div class="notice warn"><strong>Waits for a person.</strong> ${task.reason} <span class="faint">Retry answers it, by its note.</span></div>`;
  if (task.reason) return html`<div class="notice"><strong>Cancelled.</strong> ${task.reason}</div>`;
  if (LIVE.includes(task.status) && newest) return html`<div class="notice warn"><strong>Failed ${task.failures} of ${task.max_retries + 1} times so far.</strong> ${newest.message}</div>`;
  return null;
}

const facts = (task) => [
  ['Queue', `${task.project}/${task.queue}${task.lane === 'default' ? '' : `, lane ${task.lane}`}`],
  ['Priority', task.priority],
  ['User', task.user_id && html`<a href=${link('tasks', '', { user: task.user_id, status: 'all' })}>${task.user_id}</a>`],
  ['About', task.context_id && `${task.context_type ?? ''} ${task.context_id}`],
  ['Created', html`<${Since} at=${task.created_at} /> by ${task.created_by}`],
  [task.status === 'pending' ? 'Runs' : null, task.run_at && html`<${Since} at=${task.run_at} />`],
  ['Last tried', task.last_attempted_at && html`<${Since} at=${task.last_attempted_at} />`],
  ['Ended', task.ended_at && html`<${Since} at=${task.ended_at} />`],
  ['Lease ends', task.lease_expires_at && html`<${Since} at=${task.lease_expires_at} />`],
  ['Waits since', task.waiting_since && html`<${Since} at=${task.waiting_since} />`],
  ['Expires', task.expires_at && html`<${Since} at=${task.expires_at} />`],
  ['Executions', `${task.executions} (${task.failures} failed, ${task.losses} lost, ${task.snoozes} put off)`],
  ['Retries', `${task.max_retries} at most, ${task.timeout_s} s each`],
  ['Redriven', task.redrives > 0 && `${task.redrives} times${task.redrive_note ? `: ${task.redrive_note}` : ''}`],
  ['Key', task.idempotency_key],
  ['Follows from', task.parent_id && html`<${TaskLink} id=${task.parent_id} />`],
  ['Waits for', task.waits_for && html`<a href=${link('groups', task.waits_for)}>group <code>${task.waits_for}</code></a>`],
  ['Member of', task.member_of?.length > 0 && task.member_of.map((of) => html`<a href=${link('groups', of.group)}>group <code>${of.group}</code></a> `)],
  ['Schedule', task.schedule && html`<a href=${link('schedules', task.schedule.id)}>${task.schedule.id}</a>, <${Since} at=${task.schedule.nominal} />`],
  ['Run', task.run_id && html`<a href=${link('runs', task.run_id)}><code>${task.run_id}</code></a>`],
  ['Request', task.request_id && html`<code>${task.request_id}</code>`],
].filter(([name, value]) => name && value !== false);

function Shown({ task, log, children }) {
  const [act, setAct] = useState(null);
  const curl = `curl '${new URL(`v1/tasks/${task.id}`, document.baseURI.split('#')[0])}'`;
  return html`
    <${Title} text=${task.task_type}> <${Status} of=${task.status} /><//>
    <p class="sub"><code>${task.id}</code> <${Copy} text=${task.id} what="id" /> <${Copy} text=${curl} what="curl" /></p>
    <div class="acts">${actsOn(task).map((one) => html`<button class=${one.bad ? 'danger' : ''} onClick=${() => setAct(one)}>${one.title} …</button>`)}</div>
    <${Why} task=${task} />
    <${Facts} of=${facts(task)} />
    <${Timeline} task=${task} log=${log.items} />
    <div class="columns"><${Json} title="Payload" value=${task.payload} /><${Json} title="Output" value=${task.output} /></div>
    <${Json} title="Progress" value=${task.progress} />
    <${LogTable} log=${log.items} />
    ${children.length > 0 && html`<section><header><h2>What followed from it</h2></header><${TaskTable} tasks=${children} name="Tasks that follow from it" /></section>`}
    ${act && html`<${ActDialog} act=${act} tasks=${[task]} close=${() => setAct(null)} />`}`;
}

export function Task({ id }) {
  const polled = usePoll((signal) => load(id, signal), [id], 1000);
  return html`
    ${!polled.data && html`<${Title} text="Task" />`}
    <${Stale} ...${polled} />
    <${Nothing} ...${polled} />
    ${polled.data && html`<${Shown} ...${polled.data} />`}`;
}
