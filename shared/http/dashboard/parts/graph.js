// A graph of tasks, drawn: a box for each, which leads there, and a line from what comes before to what comes after.
import { number, short } from '../lib/format.js';
import { html } from '../lib/html.js';
import { link } from '../lib/route.js';

/** A box, the room between two, and around all of them, in px. */
const [WIDTH, HEIGHT, BETWEEN, ABOVE, AROUND] = [172, 46, 64, 14, 14];

/** How much of a type's name a box has room for. */
const LETTERS = 22;

const left = ({ column }) => AROUND + column * (WIDTH + BETWEEN);
const top = ({ row }) => AROUND + row * (HEIGHT + ABOVE);

/** What counts others has a line for each status; it is the last of its column. */
const height = ({ counts }) => (counts ? 14 + 17 * (1 + Object.keys(counts).length) : HEIGHT);

const shortened = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** What a line means, to who hears the page, and to who sees it. */
const BECAUSE = { end: 'after', success: 'if completed', failure: 'if failed', follows: 'follows from', awaits: 'awaited by' };
const LINES = { end: 'solid: begins after', success: 'green: if these are completed', failure: 'red: if these have failed', follows: 'dashed: follows from', awaits: 'both ways: awaited by what has begun them' };

/** What the lines that are there mean. */
export const legend = ({ edges }) => Object.keys(LINES).filter((kind) => edges.some((edge) => edge.kind === kind)).map((kind) => LINES[kind]).join('; ');

const Box = ({ node, rows = [], children }) => html`
  <g transform=${`translate(${left(node)} ${top(node)})`}>
    <rect class="box" width=${WIDTH} height=${height(node)} rx="7" />
    ${rows.map((row, n) => html`<text x=${12} y=${19 + n * 17} class=${row.class}>${row.text}</text>`)}
    ${children}
  </g>`;

function Task({ node, before, isFirst }) {
  const { id, task_type: type, status } = node.task;
  const why = before.map(({ kind, node }) => `${BECAUSE[kind]} ${node.task ? `${node.task.task_type} ${short(node.task.id)}` : 'others'}`);
  // It begins with what is to be seen, in that order: whoever speaks to the page names a box by that.
  const label = [`${shortened(type, LETTERS)} ${short(id)} ${status}`, ...why].join('; ');
  return html`
    <a href=${link('tasks', id, { after: before.find(({ group }) => group)?.group })} aria-label=${label} aria-current=${isFirst ? 'true' : undefined} data-task=${id}>
      <${Box} node=${node} rows=${[{ text: shortened(type, LETTERS), class: 'what' }]}>
        <text x=${WIDTH - 12} y="36" class="id"> ${short(id)} </text>
        <circle class=${status} cx="16" cy="32" r="4" />
        <text x="26" y="36" class=${`word ${status}`}>${status}</text>
      <//>
    </a>`;
}

function More({ node }) {
  const counts = Object.entries(node.counts);
  const total = counts.reduce((n, [, count]) => n + count, 0);
  const words = counts.map(([status, n]) => `${number(n)} ${status}`);
  return html`
    <g class="more" role="img" aria-label=${`and ${total} more: ${words.join(', ')}`}>
      <${Box} node=${node} rows=${[{ text: `and ${number(total)} more`, class: 'what' }, ...words.map((text) => ({ text, class: 'faint' }))]} />
    </g>`;
}

/** A soft line from one point to another, level at both. */
function bent([x1, y1], [x2, y2]) {
  const bend = Math.max(BETWEEN / 2, Math.abs(x2 - x1) / 3);
  return `C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}

function Line({ edge: { from, to, kind, via } }) {
  const level = (node) => top(node) + HEIGHT / 2;
  const begin = [left(from) + WIDTH + (kind === 'awaits' ? 5 : 0), level(from)];
  let [at, path] = [begin, `M${begin.join(' ')}`];
  for (const place of via) {
    path += `${bent(at, [left(place), level(place)])}H${left(place) + WIDTH}`;
    at = [left(place) + WIDTH, level(place)];
  }
  return html`<path class=${`line ${kind}`} d=${path + bent(at, [left(to) - 5, level(to)])}
    marker-end="url(#arrow)" marker-start=${kind === 'awaits' ? 'url(#arrow)' : undefined} />`;
}

/** `of` is a graph as `lib/flow.js` makes it; `first` the task that is looked at, if one. */
export function Graph({ of: { nodes, edges }, first }) {
  const by = new Map(nodes.map((node) => [node.key, node]));
  const lines = edges.map((edge) => ({ ...edge, from: by.get(edge.from), to: by.get(edge.to) }));
  const before = (node) => lines.filter(({ to }) => to === node).map(({ from, kind, group }) => ({ node: from, kind, group }));
  const [right, bottom] = [Math.max(...nodes.map(left)) + WIDTH + AROUND, Math.max(...[...nodes, ...edges.flatMap(({ via }) => via)].map((node) => top(node) + height(node))) + AROUND];
  return html`
    <div class="graph" tabindex="0" role="region" aria-label="Graph of the flow">
      <svg width=${right} height=${bottom} viewBox=${`0 0 ${right} ${bottom}`} role="group" aria-label=${`${nodes.length} boxes`}>
        <defs><marker id="arrow" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" /></marker></defs>
        ${lines.map((edge) => html`<${Line} key=${`${edge.from.key} ${edge.to.key}`} edge=${edge} />`)}
        ${nodes.map((node) => (node.task
          ? html`<${Task} key=${node.key} node=${node} before=${before(node)} isFirst=${node.key === first} />`
          : html`<${More} key=${node.key} node=${node} />`))}
      </svg>
    </div>`;
}
