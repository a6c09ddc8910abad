// Every queue with its counts; each count leads to its tasks.
import { number, percent } from '../lib/format.js';
import { html } from '../lib/html.js';
import { linked, queueName } from '../lib/project.js';
import { link } from '../lib/route.js';

const COLUMNS = ['pending', 'running', 'waiting', 'blocked', 'failed', 'completed', 'cancelled'];

const inProject = ({ project, queue }) => ({ queue, project: linked(project) });

const Count = ({ of, status }) =>
  of[status] ? html`<a href=${link('tasks', '', { ...inProject(of), status })} aria-label=${`${of[status]} ${status} in ${queueName(of)}`}>${number(of[status])}</a>` : html`<span class="faint">0</span>`;

export function Queues({ queues }) {
  if (queues.length === 0) return null;
  return html`
    <section>
      <header><h2>Queues</h2></header>
      <div class="scroll" tabindex="0" role="region" aria-label="Queues"><table class="counts">
        <thead><tr><th>Queue</th>${COLUMNS.map((name) => html`<th class="n">${name}</th>`)}<th class="n">well, of late</th></tr></thead>
        <tbody>${queues.map((of) => html`
          <tr data-row key=${`${of.project}/${of.queue}`}><td><a href=${link('tasks', '', inProject(of))}>${queueName(of)}</a></td>
            ${COLUMNS.map((status) => html`<td class="n"><${Count} of=${of} status=${status} /></td>`)}
            <td class="n">${percent(of.last_hours.success_rate)}</td></tr>`)}
        </tbody></table></div>
    </section>`;
}
