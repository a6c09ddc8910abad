// A schedule in words. Pure.
import { lasted, plural } from './format.js';

/** When it fires. */
export function when({ cron, every_s: every, at, zone }) {
  const parts = [...(cron ?? []), every && `every ${lasted(every * 1000)}`, at?.length && plural(at.length, 'single time')];
  return parts.filter(Boolean).join(', ') + (zone ? ` in ${zone}` : '');
}

export const stateOf = (schedule) => (schedule.paused ? 'paused' : schedule.blocked ? 'blocked' : schedule.next?.length ? 'active' : 'over');
