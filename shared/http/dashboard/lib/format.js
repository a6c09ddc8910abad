// Times, lengths and numbers in words.
const UNITS = [[86_400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];

/** A length: `3 min 20 s`, `1.2 s`, `7 ms`. */
export function lasted(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const s = Math.round(ms / 1000);
  const first = UNITS.findIndex(([size]) => s >= size);
  const [[size, unit], next] = [UNITS[first], UNITS[first + 1]];
  const rest = next && Math.floor((s % size) / next[0]);
  return `${Math.floor(s / size)} ${unit}${rest ? ` ${rest} ${next[1]}` : ''}`;
}

/** An instant, from now: `3 min ago`, `in 2 h`. */
export function fromNow(at, now = Date.now()) {
  const ms = Date.parse(at) - now;
  if (Math.abs(ms) < 1000) return 'now';
  const s = Math.abs(ms) / 1000;
  const [size, unit] = UNITS.find(([size]) => s >= size);
  const words = `${Math.floor(s / size)} ${unit}`;
  return ms < 0 ? `${words} ago` : `in ${words}`;
}

/** An instant, as the reader's own clock has it, to the second. */
export const clock = (at) => new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

export const number = (n) => (n ?? 0).toLocaleString('en').replaceAll(',', '\u202f');
export const percent = (rate) => (rate === null || rate === undefined ? '–' : `${(rate * 100).toFixed(rate > 0.99 && rate < 1 ? 2 : 0)} %`);
export const usd = (n) => `$${(n ?? 0).toFixed(n < 0.1 && n > 0 ? 4 : 2)}`;
export const plural = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;

/** The start of an id, which tells it from others by sight: times come first in ours, so it is the end. */
export const short = (id) => (id?.length > 14 ? `…${id.slice(-8)}` : id);
