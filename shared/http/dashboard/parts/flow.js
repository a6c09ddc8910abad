// The flow that a task or a group is in: its graph, live until all of it has ended.
import { awaited, graph, isOver } from '../lib/flow.js';
import { load } from '../lib/flow_load.js';
import { html, useMemo, useRef } from '../lib/html.js';
import { usePoll } from '../lib/poll.js';
import { Graph, legend } from './graph.js';

/** How often it is asked for: a look is many requests. */
const EVERY_MS = 5000;

/**
 * Around the `task` or the `group` of this id; asked anew as `revision`, how that stands, is another. `after` is a group that the
 * task has waited for, if one is known.
 */
export function Flow({ task, group, after, revision }) {
  const known = useRef(new Set(after ? [after] : []));
  async function look(signal) {
    const found = await load({ task, group, known: [...known.current] }, signal);
    awaited(found, task).forEach((id) => known.current.add(id));
    return found;
  }
  const { data, error } = usePoll(look, [task, group, revision], EVERY_MS, isOver);
  const of = useMemo(() => data && graph(data, task), [data, task]);
  if (error && !data) return html`<p class="notice bad" role="alert">The flow could not be read: ${error.message}</p>`;
  // Tasks that nothing connects are no flow: the list has them.
  if (!of || of.edges.length === 0) return null;
  return html`
    <section aria-label="Flow">
      <header><h2>Flow</h2><span class="faint">${legend(of)}</span></header>
      <${Graph} of=${of} first=${task} />
      ${data.isCut && html`<p class="faint">It is larger: not all of it is shown or counted.</p>`}
    </section>`;
}
