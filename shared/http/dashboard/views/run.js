// One agent's run, live: what was said and done, what it cost of what it may, and a word into it.
import { get, post, segment, withQuery } from '../lib/api.js';
import { number, usd } from '../lib/format.js';
import { html, useRef } from '../lib/html.js';
import { usePoll } from '../lib/poll.js';
import { link } from '../lib/route.js';
import { Acts } from '../parts/ask.js';
import { Transcript } from '../parts/transcript.js';
import { Facts, Nothing, Since, Stale, Status, TaskLink, Title } from '../parts/words.js';

const LIVE = ['pending', 'claimed', 'running'];

/** The run, its agent and task, and those of its events that `seen` has not; the first pages of a long one come one by one. */
async function load(id, seen, signal) {
  const path = `runs/${segment(id)}`;
  const [run, events] = await Promise.all([
    get(path, { signal }), get(withQuery(`${path}/events`, { after_seq: seen.at(-1)?.seq ?? 0, limit: 500 }), { signal })]);
  const [task, agent] = await Promise.all([
    get(`tasks/${segment(run.task_id)}`, { signal, also: [404] }),
    run.agent_id ? get(`agents/${segment(run.agent_id)}`, { signal, also: [404] }) : null]);
  seen.push(...events.items);
  return { run, task, agent, events: [...seen] };
}

function actsOn(run, task) {
  const path = `runs/${segment(run.id)}`;
  const command = (kind, word) => post(`${path}/commands`, word ? { kind, payload: { prompt: word } } : { kind });
  const word = (label) => [{ name: 'word', label, type: 'text', required: true }];
  if (run.status === 'blocked' && task?.status === 'blocked') {
    return [{
      title: 'Answer', text: run.result_preview || task.reason, fields: word('Your answer: it begins another run in the same session'),
      go: ({ word }) => post(`tasks/${segment(task.id)}/retry`, { note: word }),
    }];
  }
  if (!LIVE.includes(run.status)) return [];
  return [
    { title: 'Steer', fields: word('A word into the turn that goes on'), go: ({ word }) => command('steer', word) },
    { title: 'Another turn', fields: word('What is to be done after it'), go: ({ word }) => command('turn', word) },
    { title: 'Interrupt', text: 'Drops the turn in hand. Where no other waits, the run is blocked.', go: () => command('interrupt') },
    { title: 'Cancel', danger: true, fields: [{ name: 'reason', label: 'Reason' }], go: ({ reason }) => post(`${path}/cancel`, { reason: reason || null }) },
  ];
}

const budget = (agent) => Object.entries(agent?.budgets ?? {}).filter(([, limit]) => limit !== null)
  .map(([name, limit]) => `${usd(limit)} ${name.replace('_usd', '')}`).join(', ');

function Cost({ run, task, agent }) {
  const goal = task?.payload?.mission_cost_budget_usd;
  return html`${usd(run.cost_usd)}${goal ? html` of ${usd(goal)} <meter min="0" max=${goal} high=${goal * 0.8} value=${run.cost_usd} aria-label="Cost against the budget"></meter>` : ''}
    ${budget(agent) && html`<span class="faint"> (its agent may spend ${budget(agent)})</span>`}`;
}

function Shown({ run, task, agent, events }) {
  const next = task?.run_id && task.run_id !== run.id && task.run_id;
  return html`
    <${Title} text="Run"> <${Status} of=${run.status} /><//>
    <p class="sub"><code>${run.id}</code></p>
    <${Acts} acts=${actsOn(run, task)} />
    ${run.status === 'blocked' && html`<div class="notice warn"><strong>Waits for a person.</strong> ${run.result_preview}</div>`}
    ${run.failure && html`<div class="notice bad"><strong>Failed (${run.failure.kind}).</strong> ${run.failure.message}</div>`}
    ${next && html`<div class="notice">It was set going again: <a href=${link('runs', next)}>the run that does it now</a>.</div>`}
    <${Facts} of=${[
      ['Task', html`<${TaskLink} id=${run.task_id} />`], ['Profile', `${run.profile}, by a ${run.executor}`], ['Turns', number(run.turns)],
      ['Tokens', `${number(run.tokens_in)} read, ${number(run.tokens_out)} written`], ['Cost', html`<${Cost} run=${run} task=${task} agent=${agent} />`],
      ['Asked for', html`<${Since} at=${run.queued_at} />`], ['Ended', run.ended_at && html`<${Since} at=${run.ended_at} />`],
      ['Claimed by', run.claimed_by], ['Commands open', run.open_commands?.length || null],
    ]} />
    <${Transcript} prompt=${task?.payload?.prompt} events=${events} />`;
}

export function Run({ id }) {
  const seen = useRef([]);
  const polled = usePoll((signal) => load(id, seen.current, signal), [id], 1000);
  return html`
    ${!polled.data && html`<${Title} text="Run" />`}
    <${Stale} ...${polled} />
    <${Nothing} ...${polled} />
    ${polled.data && html`<${Shown} ...${polled.data} />`}`;
}
