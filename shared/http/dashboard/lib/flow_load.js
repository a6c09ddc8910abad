// What a flow is made of, asked for step by step from a task or a group on, with a limit on everything.
import { get, segment, withQuery } from './api.js';

/** Requests of one look at a flow, and how many steps it goes away from where it began. */
const [REQUESTS, STEPS] = [40, 6];

/** How many members of a group are asked for, what followed from a task, and how far up it is asked what a task follows from. */
const [MEMBERS, CHILDREN, PARENTS] = [50, 20, 3];

/** What is known of members that were not asked for, from the counts of all: `seen` are those that were. */
function unseen(group, seen) {
  const count = (...statuses) => seen.filter((task) => statuses.includes(task.status)).length;
  const rest = Math.max(0, group.total - seen.length);
  const bad = Math.min(rest, Math.max(0, group.failed - count('failed', 'cancelled', 'blocked')));
  const good = Math.min(rest - bad, Math.max(0, group.ended - group.failed - count('completed')));
  return { completed: good, 'not completed': bad, open: rest - good - bad };
}

/** Asks for what a look may, and answers null for what is gone or too much. `isCut` says whether something was. */
function asker(signal) {
  let asked = 0;
  const ask = async (path) => {
    if (++asked > REQUESTS) return null;
    const answer = await get(path, { signal, also: [404] });
    return answer?.error ? null : answer;
  };
  return { ask, isCut: () => asked > REQUESTS };
}

/**
 * `{tasks, groups, isCut}` around the task or the group of this id: those that are nearer come first. `known` are groups that the task
 * is known to have waited for: it does not say so itself any more once it has begun.
 */
export async function load({ task, group, known = [] }, signal) {
  const { ask, isCut } = asker(signal);
  const [tasks, groups, seen] = [new Map(), new Map(), new Set()];
  let [next, more] = [[], false];
  const meet = (kind, id) => {
    if (!id || seen.has(id)) return;
    seen.add(id);
    next.push([kind, id]);
  };
  const keep = (task) => {
    if (!task) return;
    seen.add(task.id);
    tasks.set(task.id, task);
    [task.waits_for, ...(task.member_of ?? []).map((of) => of.group)].forEach((id) => meet('group', id));
  };
  // Each answers what is to be kept of it: in the order in which it was asked, not in that in which answers come.
  const looks = {
    task: async (id) => {
      const found = await ask(`tasks/${segment(id)}`);
      return () => keep(found);
    },
    group: async (id) => {
      const path = `groups/${segment(id)}`;
      const [found, page] = await Promise.all([ask(path), ask(withQuery(`${path}/tasks`, { limit: MEMBERS }))]);
      if (!found || !page) return () => {};
      const members = page.items.map((member) => member.task).filter(Boolean);
      return () => {
        groups.set(id, { group: found, members: members.map(({ id }) => id), unseen: page.cursor ? unseen(found, members) : {} });
        members.forEach(keep);
        (found.waiters ?? []).forEach((waiter) => meet('task', waiter.task));
      };
    },
    children: async (id) => {
      const page = await ask(withQuery('tasks', { parent_id: id, limit: CHILDREN }));
      return () => {
        page?.items.forEach(keep);
        more ||= Boolean(page?.cursor);
      };
    },
    parents: async (id) => {
      const found = [];
      for (; id && found.length < PARENTS; id = found.at(-1)?.parent_id) found.push(tasks.get(id) ?? (await ask(`tasks/${segment(id)}`)));
      return () => {
        found.forEach(keep);
        more ||= Boolean(id);
      };
    },
  };
  meet(task ? 'task' : 'group', task ?? group);
  known.forEach((id) => meet('group', id));
  for (let step = 0; next.length > 0 && step < STEPS; step++) {
    const wave = next;
    next = [];
    const all = async (asked) => (await Promise.all(asked)).forEach((keepIt) => keepIt());
    await all(wave.map(([kind, id]) => looks[kind](id)));
    if (task && step === 0) await all([looks.children(task), looks.parents(tasks.get(task)?.parent_id)]);
  }
  return { tasks: [...tasks.values()], groups: [...groups.values()], isCut: isCut() || more || next.length > 0 };
}
