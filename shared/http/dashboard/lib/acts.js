// What may be done to a task, and in which of its states.
import { post, segment } from './api.js';

const acts = {
  retry: { title: 'Retry', of: ['failed', 'cancelled', 'blocked'], says: 'Note to the handler and the log', body: (word) => ({ note: word || null }) },
  run: { title: 'Run now', of: ['pending'], path: 'process', body: () => ({ force: true }) },
  reschedule: { title: 'Reschedule', of: ['pending'], asksTime: true, body: (_, at) => ({ run_at: at.toISOString() }) },
  cancel: { title: 'Cancel', of: ['pending', 'running', 'waiting'], says: 'Reason, for whoever reads of it', bad: true, body: (word) => ({ reason: word || null }) },
};

export const ACTS = Object.entries(acts).map(([name, act]) => ({ name, path: name, ...act }));

export const actsOn = (task) => ACTS.filter((act) => act.of.includes(task.status));

/** How many are asked for at the same time. */
const TOGETHER = 6;

/** Does `act` to each of `tasks`; `told({done, refused})` after each. Answers the same at the end, with what was refused and why. */
export async function actOnAll(act, tasks, word, at, told) {
  const [waiting, refused] = [[...tasks], []];
  let done = 0;
  async function one() {
    for (let task = waiting.shift(); task; task = waiting.shift()) {
      try {
        await post(`tasks/${segment(task.id)}/${act.path}`, act.body(word, at));
        done++;
      } catch (error) {
        refused.push({ task, why: error.message });
      }
      told({ done, refused });
    }
  }
  await Promise.all(Array.from({ length: TOGETHER }, one));
  return { done, refused };
}
