// One schedule: when it fires next, what became of its newest firings, and what can be done.
import { ask, get, post, segment } from '../lib/api.js';
import { clock, number, plural } from '../lib/format.js';
import { html } from '../lib/html.js';
import { usePoll } from '../lib/poll.js';
import { link } from '../lib/route.js';
import { stateOf, when } from '../lib/schedule.js';
import { Acts, localTime } from '../parts/ask.js';
import { Json } from '../parts/json.js';
import { Table } from '../parts/table.js';
import { Facts, Nothing, Since, Stale, Status, TaskLink, Title } from '../parts/words.js';

async function load(id, signal) {
  const path = `schedules/${segment(id)}`;
  const [schedule, backfills] = await Promise.all([get(path, { signal }), get(`${path}/backfills?limit=10`, { signal })]);
  return { schedule, backfills: backfills.items };
}

function actsOn({ id, paused }) {
  const path = `schedules/${segment(id)}`;
  const time = (name, label, hours) => ({ name, label, type: 'datetime-local', value: localTime(hours), required: true });
  return [
    { title: 'Trigger', text: 'Makes a task now, whatever its times are.', go: () => post(`${path}/trigger`) },
    paused
      ? { title: 'Resume', text: 'It fires again from its next time on; what was left out is not made up for.', go: () => post(`${path}/resume`) }
      : { title: 'Pause', text: 'Nothing fires until it is resumed.', fields: [{ name: 'note', label: 'Why, for others' }], go: ({ note }) => post(`${path}/pause`, { note: note || null }) },
    {
      title: 'Backfill', text: 'Makes the tasks of firings that have passed. One that has its task gets no second one.',
      fields: [time('from', 'From', -24), time('to', 'To', 0), { name: 'overlap', label: 'Beside each other', options: ['allow', 'buffer'] }],
      go: ({ from, to, overlap }) => post(`${path}/backfill`, { from: new Date(from), to: new Date(to), overlap }),
    },
    {
      title: 'Delete', danger: true, text: 'Its tasks stay as they are; it makes no more.',
      go: async () => (await ask('DELETE', path), (location.hash = link('schedules'))),
      done: () => `Schedule ${id} deleted`,
    },
  ];
}

const FIRINGS = [
  { title: 'Nominal', of: (one) => html`<span title=${one.nominal}>${clock(one.nominal)}</span>` },
  { title: 'What became of it', of: (one) => html`<${Status} of=${one.status ?? one.outcome ?? 'made'} />` },
  { title: 'Task', of: (one) => one.task_id && html`<${TaskLink} id=${one.task_id}><code>${one.task_id.slice(-12)}</code><//>` },
];

const BACKFILLS = [
  { title: 'From', of: (one) => clock(one.from) },
  { title: 'To', of: (one) => clock(one.to) },
  { title: 'Made', n: true, of: (one) => number(one.made) },
  { title: 'State', of: (one) => (one.ended_at ? 'through' : html`up to ${clock(one.judged)}`) },
];

function Shown({ schedule, backfills }) {
  const { paused, blocked } = schedule;
  return html`
    <${Title} text=${schedule.id}> <${Status} of=${stateOf(schedule)} /><//>
    <${Acts} acts=${actsOn(schedule)} />
    ${paused && html`<div class="notice warn"><strong>Paused</strong> <${Since} at=${paused.at} /> by ${paused.by}. ${paused.note}</div>`}
    ${blocked && html`<div class="notice bad"><strong>It cannot fire</strong> since <${Since} at=${blocked.since} />: ${blocked.reason}</div>`}
    <${Facts} of=${[
      ['When', html`<code>${when(schedule.spec)}</code>`], ['Makes', schedule.task.task_type], ['In the queue', schedule.task.queue ?? 'default'],
      ['Overlap', schedule.policy.overlap], ['Late firings', schedule.policy.catch_up],
      ['Fired', plural(schedule.fired, 'time')], ['Left out', `${number(schedule.skipped)} skipped, ${number(schedule.missed)} too late`],
      ['Put', html`<${Since} at=${schedule.created_at} /> by ${schedule.created_by}`],
    ]} />
    <div class="columns">
      <section><header><h2>Next firings</h2></header>${schedule.next?.length
        ? html`<ol class="card list">${schedule.next.map(({ effective }) => html`<li key=${effective}>${clock(effective)} <span class="faint"><${Since} at=${effective} /></span></li>`)}</ol>`
        : html`<div class="notice">None comes any more.</div>`}</section>
      <section><header><h2>Newest firings</h2></header>${schedule.recent?.length
        ? html`<${Table} name="Newest firings" columns=${FIRINGS} rows=${schedule.recent} id=${(one) => `${one.nominal} ${one.task_id}`} />`
        : html`<div class="notice">It has not fired yet.</div>`}</section>
    </div>
    ${backfills.length > 0 && html`<section><header><h2>Backfills</h2></header><${Table} name="Backfills" columns=${BACKFILLS} rows=${backfills} /></section>`}
    <div class="columns"><${Json} title="Specification" value=${schedule.spec} /><${Json} title="Payload" value=${schedule.payload} /></div>`;
}

export function Schedule({ id }) {
  const polled = usePoll((signal) => load(id, signal), [id]);
  return html`
    ${!polled.data && html`<${Title} text="Schedule" />`}
    <${Stale} ...${polled} />
    <${Nothing} ...${polled} />
    ${polled.data && html`<${Shown} ...${polled.data} />`}`;
}
