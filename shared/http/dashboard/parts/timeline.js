// Every execution as a bar, from when the task was asked for to its end, with the waits between.
import { clock, fromNow, lasted } from '../lib/format.js';
import { html } from '../lib/html.js';

/** Rows for the bars: what has ended, from the log, and what runs. */
function rows(task, log) {
  const rows = log.map((entry) => ({
    key: entry.seq, of: entry.kind === 'execution' ? `Execution ${entry.execution}` : entry.kind,
    from: Date.parse(entry.started_at), to: Date.parse(entry.ended_at), outcome: entry.outcome, by: entry.by,
    why: entry.failure?.message ?? entry.reason ?? entry.output_excerpt,
  }));
  if (task.status === 'running') {
    rows.push({ key: 'now', of: `Execution ${task.executions}`, from: Date.parse(task.last_attempted_at), to: Date.now(), outcome: 'running' });
  }
  return rows;
}

/** Where it stands between the two ends of the whole, in percent. */
const within = (at, begin, end) => Math.min(100, Math.max(0, (100 * (at - begin)) / Math.max(1, end - begin)));

export function Timeline({ task, log }) {
  const bars = rows(task, log);
  const begin = Date.parse(task.created_at);
  const next = task.status === 'pending' && task.run_at ? Date.parse(task.run_at) : null;
  const end = Math.max(begin + 1, ...bars.map((bar) => bar.to), next ?? 0, task.ended_at ? 0 : Date.now());
  const style = (from, to) => ({ left: `min(${within(from, begin, end)}%, 100% - 4px)`, width: `${within(to, begin, end) - within(from, begin, end)}%` });
  return html`
    <section aria-label="Timeline">
      <header><h2>Timeline</h2><span class="faint">${clock(begin)} – ${task.ended_at || next ? clock(end) : 'now'}, ${lasted(end - begin)}</span></header>
      ${bars.length === 0 && !next && html`<div class="notice">Nothing has happened yet.</div>`}
      <ol class="timeline">
        ${bars.map((bar, n) => html`
          <li key=${bar.key}>
            <div class="what"><strong>${bar.of}</strong> <span class=${`outcome ${bar.outcome}`}>${bar.outcome}</span>
              <span class="faint">${bar.to > bar.from ? lasted(bar.to - bar.from) : ''}${n > 0 && bar.from > bars[n - 1].to ? `, ${lasted(bar.from - bars[n - 1].to)} after the one before` : ''}${bar.by ? `, by ${bar.by}` : ''}</span></div>
            <div class="track" aria-hidden="true"><i class="wait" style=${style(n ? bars[n - 1].to : begin, bar.from)}></i><i class=${`bar ${bar.outcome}`} style=${style(bar.from, bar.to)}></i></div>
            ${bar.why && html`<p class="why">${bar.why}</p>`}
          </li>`)}
        ${next && html`
          <li key="next"><div class="what"><strong>Next</strong> <span class="faint">${next > Date.now() ? fromNow(task.run_at) : `due, ${fromNow(task.run_at)}`}</span></div>
            <div class="track" aria-hidden="true"><i class="wait" style=${style(bars.at(-1)?.to ?? begin, next)}></i></div></li>`}
      </ol>
    </section>`;
}
