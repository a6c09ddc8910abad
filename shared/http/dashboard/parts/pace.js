// How much is done, as it goes on.
import { number } from '../lib/format.js';
import { html } from '../lib/html.js';
import { Plot } from './plot.js';

const SERIES = [{ label: 'ended', color: '--busy', fill: true }, { label: 'failed', color: '--bad' }];

export function Pace({ data, queues }) {
  const [, ended, failed] = data.map((column) => column.at(-1) ?? 0);
  const hours = queues.reduce((n, queue) => n + queue.last_hours.completed + queue.last_hours.failed, 0);
  const words = `${number(Math.round(ended))} tasks a minute end, ${number(Math.round(failed))} of them fail`;
  return html`
    <section><header><h2>Pace</h2><span class="faint"><i class="key running"></i> ended and <i class="key failed"></i> failed a minute, since this page was opened · ${number(hours)} completed or failed in this hour and the last</span></header>
      ${data[0].length < 2 ? html`<p class="plot faint">Being measured …</p>` : html`<${Plot} data=${data} series=${SERIES} said=${words} />`}</section>`;
}
