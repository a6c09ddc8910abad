// Tasks as rows; with `selected` each can be picked.
import { fromNow } from '../lib/format.js';
import { html } from '../lib/html.js';
import { queueName } from '../lib/project.js';
import { Since, Status, TaskLink } from './words.js';

/** What is to be said of it in one line: why, or when. */
function remark(task) {
  const newest = task.failure ?? (task.ended_at ? null : task.last_errors?.at(-1));
  if (newest) return newest.message;
  if (task.reason) return task.reason;
  return task.status === 'pending' && task.run_at && Date.parse(task.run_at) > Date.now() ? `runs ${fromNow(task.run_at)}` : '';
}

function Row({ task, selected, toggle }) {
  return html`
    <tr data-row key=${task.id} class=${selected?.has(task.id) ? 'picked' : ''}>
      ${selected && html`<td class="pick"><input type="checkbox" aria-label=${`Select ${task.task_type} ${task.id}`} checked=${selected.has(task.id)} onChange=${() => toggle(task)} /></td>`}
      <td><${Status} of=${task.status} /></td>
      <td class="main"><${TaskLink} id=${task.id}>${task.task_type}<//><span class="remark" title=${remark(task)}>${remark(task)}</span></td>
      <td class="wide"><code>${task.id.slice(-12)}</code></td>
      <td class="wide">${queueName(task)}</td>
      <td class="wide">${task.user_id ?? ''}</td>
      <td class="when"><${Since} at=${task.ended_at ?? task.updated_at} /></td>
    </tr>`;
}

export function TaskTable({ tasks, name, selected, toggle, toggleAll }) {
  const every = selected && tasks.length > 0 && tasks.every((task) => selected.has(task.id));
  return html`
    <table class="tasks" aria-label=${name}>
      <thead><tr>
        ${selected && html`<th class="pick"><input type="checkbox" aria-label="Select all that are shown" checked=${every} onChange=${() => toggleAll(!every)} /></th>`}
        <th>Status</th><th>Task</th><th class="wide">Id</th><th class="wide">Queue</th><th class="wide">User</th><th class="when">Changed</th>
      </tr></thead>
      <tbody>${tasks.map((task) => html`<${Row} key=${task.id} task=${task} selected=${selected} toggle=${toggle} />`)}</tbody>
    </table>`;
}
