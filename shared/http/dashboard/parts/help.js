// Which keys there are.
import { html } from '../lib/html.js';
import { helping } from '../lib/keys.js';
import { Dialog } from './dialog.js';

const KEYS = [
  ['/', 'search'], ['j', 'next row'], ['k', 'row before'], ['Enter', 'open the row'], ['x', 'select the row'], ['Esc', 'close'],
  ['?', 'this help'],
];

export function Help() {
  if (!helping.value) return null;
  return html`
    <${Dialog} title="Keyboard" close=${() => (helping.value = false)}>
      <dl class="keys">${KEYS.map(([key, what]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${what}</dd></div>`)}</dl>
    <//>`;
}
