// Where the boxes of a graph stand: what comes before is left of what comes after. Pure.

/** In which column each stands: one right of the last of those before it. A circle is cut where it is found. */
export function columns(tasks, edges) {
  const before = new Map(tasks.map(({ id }) => [id, []]));
  for (const { from, to } of edges) before.get(to).push(from);
  const known = new Map();
  const column = (id, path) => {
    if (known.has(id)) return known.get(id);
    const open = before.get(id).filter((other) => !path.has(other));
    path.add(id);
    const at = Math.max(-1, ...open.map((other) => column(other, path))) + 1;
    path.delete(id);
    known.set(id, at);
    return at;
  };
  tasks.forEach(({ id }) => column(id, new Set()));
  return known;
}

/**
 * Edges with `via`, keys of places in the columns that they pass, so that no line goes behind a box; lines to one box share them.
 * Answers these places, too.
 */
function led(nodes, edges) {
  const column = new Map(nodes.map((node) => [node.key, node.column]));
  const places = new Map();
  const past = (to, at) => {
    const key = `${at} to ${to}`;
    places.set(key, { key, column: at, isPassed: true });
    return key;
  };
  const between = ({ from, to }) => {
    const [after, before] = [column.get(from) + 1, column.get(to)];
    return Array.from({ length: Math.max(0, before - after) }, (_, n) => past(to, after + n));
  };
  return [edges.map((edge) => ({ ...edge, via: between(edge) })), [...places.values()]];
}

/** What leads into each place of the next column. */
const steps = ({ from, to, via }) => [from, ...via].map((key, n) => ({ from: key, to: [...via, to][n] }));

/** Beside what it comes from, as far as that can be: rows of each column by the mean of those before, and each in the middle. */
function placed(nodes, edges) {
  const [rows, into] = [new Map(), new Map()];
  for (const { from, to } of edges) into.set(to, [...(into.get(to) ?? []), from]);
  const mean = (key) => {
    const above = (into.get(key) ?? []).filter((from) => rows.has(from)).map((from) => rows.get(from));
    return above.length ? above.reduce((n, row) => n + row, 0) / above.length : 0;
  };
  const width = Math.max(0, ...nodes.map(({ column }) => column + 1));
  const columns = Array.from({ length: width }, (_, at) => {
    const here = nodes.filter(({ column }) => column === at).map((node) => [node.counts ? Infinity : mean(node.key), node]);
    const sorted = here.sort(([a], [b]) => (a === b ? 0 : a - b)).map(([, node], row) => ({ ...node, row }));
    sorted.forEach(({ key, row }) => rows.set(key, row));
    return sorted;
  });
  const most = Math.max(0, ...columns.map(({ length }) => length));
  return columns.flatMap((column) => column.map((node) => ({ ...node, row: node.row + (most - column.length) / 2 })));
}

/** Nodes with their `row`, and edges with `via`, the places that they pass. */
export function laid(nodes, edges) {
  const [lines, places] = led(nodes, edges);
  const all = placed([...nodes, ...places], lines.flatMap(steps));
  const at = new Map(all.map((place) => [place.key, place]));
  return { nodes: all.filter((place) => !place.isPassed), edges: lines.map((line) => ({ ...line, via: line.via.map((key) => at.get(key)) })) };
}
