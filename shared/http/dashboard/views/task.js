// One task: how it stands and why, what happened to it, and what can be done.
import { actsOn } from '../lib/acts.js';
import { curl, get, segment } from '../lib/api.js';
import { number } from '../lib/format.js';
import { html, useRef, useState } from '../lib/html.js';
import { grown, page } from '../lib/pages.js';
import { usePoll } from '../lib/poll.js';
import { link } from '../lib/route.js';
import { ActDialog } from '../parts/act.js';
import { Flow } from '../parts/flow.js';
import { Copy, Json } from '../parts/json.js';
import { LogTable } from '../parts/log.js';
import { TaskTable } from '../parts/task_table.js';
import { Timeline } from '../parts/timeline.js';
import { Facts, Nothing, Since, Stale, Status, TaskLink, Title } from '../parts/words.js';

const LIVE = ['pending', 'running', 'waiting'];

/** How much of the log is shown, and how many of what followed: at first, and at most. */
const [LOG, FEW, MANY] = [1000, 20, 500];

async function load(id, seen, many, signal) {
  const [task, log, children] = await Promise.all([
    get(`tasks/${segment(id)}`, { signal }),
    grown(`tasks/${segment(id)}/log`, seen, signal, LOG),
    page('tasks', { parent_id: id }, null, many, signal),
  ]);
  return { task, log, children };
}

/** Whether others come before it or after it, as far as it says itself. */
const isInFlow = (task, children) => Boolean(task.waits_for || task.parent_id || task.member_of?.length || children.items.length);

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

/** What followed from a task, with a word that there is more of it, and how to see that. */
function Children({ of: { items, cursor }, showMore }) {
  if (items.length === 0) return null;
  return html`
    <section><header><h2>What followed from it</h2></header><${TaskTable} tasks=${items} name="Tasks that follow from it" />
      ${cursor && html`<p class="pager">These are ${number(items.length)} of more. ${items.length < MANY
        ? html`<button onClick=${showMore}>Show more</button>` : html`<code>GET ${location.origin}/v1/tasks?parent_id=…</code> lists all.`}</p>`}
    </section>`;
}

function Shown({ task, log, children, showMore, after }) {
  const [act, setAct] = useState(null);
  // Once it has begun, it does not say any more what it has waited for.
  const inFlow = useRef(Boolean(after));
  inFlow.current ||= isInFlow(task, children);
  return html`
    <${Title} text=${task.task_type}> <${Status} of=${task.status} /><//>
    <p class="sub"><code>${task.id}</code> <${Copy} text=${task.id} what="id" /> <${Copy} text=${curl(`tasks/${segment(task.id)}`)} what="curl" /></p>
    <div class="acts">${actsOn(task).map((one) => html`<button class=${one.bad ? 'danger' : ''} onClick=${() => setAct(one)}>${one.title} …</button>`)}</div>
    <${Why} task=${task} />
    <${Facts} of=${facts(task)} />
    ${log.more && html`<p class="notice">Its log is longer: the first ${number(log.items.length)} entries are shown. <code>errand tasks show ${task.id}</code> shows all.</p>`}
    ${inFlow.current && html`<${Flow} task=${task.id} after=${after} revision=${`${task.status} ${task.redrives} ${task.waits_for} ${children.items.length}`} />`}
    <${Timeline} task=${task} log=${log.items} />
    <div class="columns"><${Json} title="Payload" value=${task.payload} /><${Json} title="Output" value=${task.output} /></div>
    <${Json} title="Progress" value=${task.progress} />
    <${LogTable} log=${log.items} />
    <${Children} of=${children} showMore=${showMore} />
    ${act && html`<${ActDialog} act=${act} tasks=${[task]} close=${() => setAct(null)} />`}`;
}

export function Task({ id, query }) {
  const seen = useRef({ items: [], cursor: null });
  const [many, setMany] = useState(FEW);
  const polled = usePoll((signal) => load(id, seen.current, many, signal), [id, many], 1000);
  return html`
    ${!polled.data && html`<${Title} text="Task" />`}
    <${Stale} ...${polled} />
    <${Nothing} ...${polled} />
    ${polled.data && html`<${Shown} ...${polled.data} after=${query.after} showMore=${() => setMany(Math.min(many + 100, MANY))} />`}`;
}
