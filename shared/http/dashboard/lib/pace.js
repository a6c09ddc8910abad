// How many tasks end, and how many of them fail, since the page was opened: told by the counts, which only rise.
const MOST = 1800;

/** `[seconds since 1970, ended a minute, failed a minute]`, a column each, as plots want them. */
const columns = [[], [], []];
let [last, whose] = [null, null];

const sum = (queues, names) => queues.reduce((n, queue) => names.reduce((n, name) => n + queue[name], n), 0);

/**
 * What `queues` say now, beside what they said before to the same one, whom `who` tells from others. A task that is set going
 * again takes its failure with it: no less than none.
 */
export function pace(queues, who, now = Date.now()) {
  if (who !== whose) {
    columns.forEach((column) => (column.length = 0));
    [last, whose] = [null, who];
  }
  const [entered, failed] = [['completed', 'failed', 'cancelled', 'blocked'], ['failed']].map((names) => sum(queues, names));
  if (last && now - last.now >= 1000) {
    const perMinute = (after, before) => Math.max(0, ((after - before) * 60_000) / (now - last.now));
    [now / 1000, perMinute(entered, last.entered), perMinute(failed, last.failed)].forEach((value, n) => columns[n].push(value));
    if (columns[0].length > MOST) columns.forEach((column) => column.shift());
  }
  if (!last || now - last.now >= 1000) last = { now, entered, failed };
  return columns.map((column) => [...column]);
}
