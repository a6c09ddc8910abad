// A flow as a graph: which tasks are drawn, and what leads from one to another. Pure.
import { columns, laid } from './layers.js';

/** How many tasks are drawn, and how many of them in one column: what is more is counted in one box at the column's end. */
export const [MOST, ROWS] = [60, 12];

/** What is shown first where not all is. */
const WORST = ['failed', 'blocked', 'running', 'pending', 'waiting', 'cancelled', 'completed'];

/** What changes no more by itself. */
export const STILL = ['completed', 'failed', 'cancelled', 'blocked'];

/** Who waits for a group: as it says itself, and as the tasks do. */
function waiters({ group }, tasks) {
  const told = (group.waiters ?? []).map(({ task, on }) => [task, on]);
  const waiting = tasks.filter((task) => task.waits_for === group.id).map((task) => [task.id, 'end']);
  return new Map([...waiting, ...told]);
}

/** The groups that a task waits for, or has waited for. */
export const awaited = ({ tasks, groups }, task) => groups.filter((of) => waiters(of, tasks).has(task)).map(({ group }) => group.id);

/**
 * What leads from one task to another: `{from, to, kind, group?}`, the group being what is waited for. From a task to what it has made
 * and waits for it is `awaits`.
 */
export function edges({ tasks, groups }) {
  const there = new Map(tasks.map((task) => [task.id, task]));
  const found = new Map();
  const add = (from, to, kind, group) => there.has(from) && there.has(to) && from !== to && found.set(`${from} ${to}`, { from, to, kind, group });
  for (const task of tasks) add(task.parent_id, task.id, 'follows');
  for (const of of groups) {
    for (const [waiter, on] of waiters(of, tasks)) {
      for (const member of of.members) {
        if (there.get(member)?.parent_id === waiter) add(waiter, member, 'awaits');
        else add(member, waiter, on, of.group.id);
      }
    }
  }
  return [...found.values()];
}

const plus = (counts, name, n) => n > 0 && (counts[name] = (counts[name] ?? 0) + n);

/** The tasks that are drawn: the nearest, and of these in each column the worst; `first` above all. */
function drawn(tasks, column, first) {
  const rank = (task) => (task.id === first ? -1 : WORST.indexOf(task.status));
  const [taken, rows] = [new Set(), new Map()];
  const near = tasks.filter((task, nth) => nth < MOST || task.id === first);
  for (const task of near.sort((a, b) => rank(a) - rank(b))) {
    const at = column.get(task.id);
    const n = (rows.get(at) ?? 0) + 1;
    rows.set(at, n);
    if (n <= ROWS) taken.add(task.id);
  }
  return taken;
}

/** Which box counts what is not drawn of a column. */
const moreOf = (column) => `more ${column}`;

/** Of groups that share members, as those do that tasks of a batch follow, the one of which least was seen stands for all. */
function apart(groups) {
  const total = ({ unseen }) => Object.values(unseen).reduce((n, more) => n + more, 0);
  const members = new Set();
  return [...groups].sort((a, b) => total(b) - total(a)).filter((group) => {
    const shares = group.members.some((id) => members.has(id));
    group.members.forEach((id) => members.add(id));
    return !shares;
  });
}

/** Of each column what is not drawn, by status: what is loaded, and what is known of a group's other members. */
function counted(tasks, groups, column, taken) {
  const more = new Map();
  const of = (at) => more.get(at) ?? more.set(at, {}).get(at);
  for (const task of tasks) if (!taken.has(task.id)) plus(of(column.get(task.id)), task.status, 1);
  for (const { members, unseen } of apart(groups)) {
    const at = Math.max(0, ...members.map((id) => column.get(id) ?? 0));
    for (const [status, n] of Object.entries(unseen)) if (n > 0) plus(of(at), status, n);
  }
  return more;
}

/**
 * `{nodes, edges}` of what was loaded. A node is `{key, column, row}` with its `task`, or with `counts` of those that are not
 * drawn. An edge has `via`, the places that it passes. `first` is the task that is looked at.
 */
export function graph(loaded, first) {
  const { tasks, groups } = loaded;
  const found = edges(loaded);
  const column = columns(tasks, found);
  const taken = drawn(tasks, column, first);
  const more = counted(tasks, groups, column, taken);
  const nodes = tasks.filter(({ id }) => taken.has(id)).map((task) => ({ key: task.id, task, column: column.get(task.id) }));
  nodes.push(...[...more].map(([at, counts]) => ({ key: moreOf(at), counts, column: at })));
  const key = (id) => (taken.has(id) ? id : moreOf(column.get(id)));
  const merged = new Map(found.map((edge) => [`${key(edge.from)} ${key(edge.to)}`, { ...edge, from: key(edge.from), to: key(edge.to) }]));
  const shown = [...merged.values()].filter(({ from, to }) => from !== to);
  return laid(nodes, shown);
}

/** Whether nothing of it changes any more, unless somebody sets it going again. */
export const isOver = ({ tasks, groups }) =>
  tasks.every(({ status }) => STILL.includes(status)) && groups.every(({ group }) => group.over);
