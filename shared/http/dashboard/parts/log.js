// The action log of a task: a row for each execution that ended, and for what operators did.
import { lasted, usd } from '../lib/format.js';
import { html } from '../lib/html.js';
import { Since } from './words.js';

const used = (entry) => [entry.model, entry.tokens_in !== undefined && `${entry.tokens_in}/${entry.tokens_out ?? 0} tokens`,
  entry.cost_usd !== undefined && usd(entry.cost_usd)].filter(Boolean).join(', ');

export function LogTable({ log }) {
  if (log.length === 0) return null;
  return html`
    <section>
      <header><h2>Action log</h2></header>
      <div class="scroll" tabindex="0" role="region" aria-label="Action log"><table>
        <thead><tr><th>#</th><th>When</th><th>What</th><th>Outcome</th><th>Took</th><th>Effects</th><th>Used</th></tr></thead>
        <tbody>${log.map((entry) => html`
          <tr key=${entry.seq}><td>${entry.seq}</td><td><${Since} at=${entry.ended_at} /></td>
            <td>${entry.kind}${entry.execution ? ` ${entry.execution}` : ''}${entry.by ? ` by ${entry.by}` : ''}</td>
            <td><span class=${`outcome ${entry.outcome}`}>${entry.outcome}</span></td>
            <td>${lasted(entry.latency_ms)}</td><td>${entry.effects?.join('; ')}</td><td>${used(entry)}</td></tr>`)}
        </tbody></table></div>
    </section>`;
}
