// A table of whatever: `columns` are `{title, of, n?, wide?}`. Where it is too wide, it scrolls by itself.
import { html } from '../lib/html.js';

const kind = ({ n, wide }) => `${n ? 'n' : ''} ${wide ? 'wide' : ''}`.trim();

export const Table = ({ name, columns, rows, id = (row) => row.id }) => html`
  <div class="scroll" tabindex="0" role="region" aria-label=${name}><table>
    <thead><tr>${columns.map((column) => html`<th key=${column.title} class=${kind(column)}>${column.title}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`
      <tr data-row key=${id(row)}>${columns.map((column) => html`<td key=${column.title} class=${kind(column)}>${column.of(row)}</td>`)}</tr>`)}
    </tbody></table></div>`;
