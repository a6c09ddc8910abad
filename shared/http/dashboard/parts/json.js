// What was handed over or came out: folded where it is long, and to be copied. It is text alone; never markup.
import { html, useState } from '../lib/html.js';
import { say } from './toasts.js';

/** How much is shown unfolded, and how much at all: what is more is there to be copied. */
const [SHORT, LONG] = [600, 20_000];

export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} copied`);
  } catch {
    say('The browser does not let this page copy: select the text instead', true);
  }
}

export const Copy = ({ text, what }) => html`
  <button class="small" onClick=${() => copy(text, what)}>Copy ${what}</button>`;

const isLink = (value) => typeof value === 'string' && /^https?:\/\/\S+$/i.test(value);

/** The addresses in it that may be followed: http and https alone. */
function links(value, found = new Set()) {
  if (isLink(value)) found.add(value);
  else if (value && typeof value === 'object') Object.values(value).forEach((inner) => links(inner, found));
  return [...found].slice(0, 10);
}

export function Json({ value, title }) {
  const [open, set] = useState(false);
  if (value === undefined || value === null) return null;
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2);
  const most = open ? LONG : SHORT;
  const shown = text.length > most ? `${text.slice(0, most)}…` : text;
  const found = links(value);
  return html`
    <section class="json">
      <header><h2>${title}</h2>
        <span>${text.length > SHORT && html`<button class="small" aria-expanded=${open} onClick=${() => set(!open)}>${open ? 'Fold' : 'Unfold'}</button>`}
          <${Copy} text=${text} what=${title.toLowerCase()} /></span></header>
      <pre tabindex="0" aria-label=${title}>${shown}</pre>
      ${open && text.length > LONG && html`<p class="faint">${text.length} characters; copied are all of them.</p>`}
      ${found.length > 0 && html`<p class="links">${found.map((url) => html`<a href=${url} target="_blank" rel="noopener noreferrer">${url}</a>`)}</p>`}
    </section>`;
}
