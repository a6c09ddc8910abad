// What ended in the last day, by the minute or, on AWS, by the hour.
import { get } from '../lib/api.js';
import { number } from '../lib/format.js';
import { html } from '../lib/html.js';
import { usePoll } from '../lib/poll.js';
import { Plot } from './plot.js';

const SERIES = [{ label: 'ended', color: '--busy', fill: true, stepped: true }, { label: 'failed', color: '--bad', stepped: true }];

/** A bucket of the server's is over in a minute at the soonest. */
const EVERY_MS = 60_000;

const sum = (values) => values.reduce((n, value) => n + value, 0);

/** How finely it is told, and `[seconds since 1970, ended, failed]`, a column each, as plots want them. */
async function load(signal) {
  const { since, bucket_s, completed, failed, cancelled } = await get('history', { signal });
  const begin = Date.parse(since) / 1000;
  const ended = completed.map((n, at) => n + failed[at] + cancelled[at]);
  return { each: bucket_s === 60 ? 'minute' : 'hour', columns: [ended.map((_, n) => begin + n * bucket_s), ended, failed] };
}

export function History() {
  const { data: history } = usePoll(load, [], EVERY_MS);
  const [, ended, failed] = history?.columns.map(sum) ?? [];
  const words = history && `${number(ended)} ended, ${number(failed)} of them failed`;
  return html`
    <section><header><h2>Last 24 hours</h2>${history && html`<span class="faint">${words} · by the ${history.each}</span>`}</header>
      ${history ? html`<${Plot} data=${history.columns} series=${SERIES} said=${`In the last 24 hours ${words}`} />` : html`<p class="plot faint">Being asked …</p>`}</section>`;
}
