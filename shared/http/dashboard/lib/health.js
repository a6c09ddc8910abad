// What health says, as sentences: the worst first. Pure.
import { fromNow, lasted, plural } from './format.js';

/** How long a due task may wait before it is worth a word, in ms. */
const LATE_MS = 60_000;

/** `{bad, warn, link?}` sentences for what is not as it should be. */
export function troubles(health, now = Date.now()) {
  const found = [];
  const bad = (text) => found.push({ level: 'bad', text });
  const warn = (text, type) => found.push({ level: 'warn', text, type });
  if (!health.store.reachable) bad(`The store does not answer: ${health.store.error ?? 'no reason is known'}.`);
  if (!health.queue.reachable) bad(`The queues do not answer: ${health.queue.error ?? 'no reason is known'}.`);
  if (health.status !== 'ok' && found.length === 0) bad('Nobody looks after what is due: the poller has not been heard of for three minutes.');
  const late = health.oldest_due_at ? now - Date.parse(health.oldest_due_at) : 0;
  if (late > LATE_MS) warn(`A task has been due for ${lasted(late)} and nobody has begun it.`);
  for (const { task_type: type, since } of health.left_alone ?? []) {
    warn(`${type}: its target does not answer or has too much to do, and is left alone${since ? ` since ${fromNow(since, now)}` : ''}.`, type);
  }
  for (const { task_type: type } of health.unattended ?? []) {
    warn(`${type}: tasks are due, and no worker has asked for them in ten minutes.`, type);
  }
  const owed = health.owed?.events ?? 0;
  if (owed > 100) warn(`Webhooks have not taken ${plural(owed, 'event')}${health.owed.since ? `, the oldest ${fromNow(health.owed.since, now)}` : ''}.`);
  return found;
}

/** What is said where there are no troubles: who may ask for one tenant alone is not told how work goes. */
export function allIsWell(health, isIdle) {
  if (!('last_poll' in health)) return 'Store, queues and poller are well. How long tasks have been due is told to whoever may ask for all tenants.';
  return `All is well${isIdle ? '; nothing waits' : ''}.`;
}
