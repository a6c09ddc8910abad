// Filters of a list. They stand in the address, so that a view can be sent to somebody.
import { html, useEffect, useRef, useState } from '../lib/html.js';
import { searches } from '../lib/keys.js';
import { refine } from '../lib/route.js';

/** How long somebody who writes is waited for. */
const WRITES_MS = 300;

/** A field whose text counts once nobody has written for a moment. */
function Written({ value, then, ...more }) {
  const [text, set] = useState(value);
  const [timer, field] = [useRef(0), useRef(null)];
  useEffect(() => set(value), [value]);
  useEffect(() => {
    if ('data-search' in more && searches()) field.current.focus();
    return () => clearTimeout(timer.current);
  }, []);
  const write = (event) => {
    const written = event.target.value;
    set(written);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => then(written.trim()), WRITES_MS);
  };
  return html`<input ref=${field} value=${text} onInput=${write} autocapitalize="off" autocomplete="off" spellcheck=${false} ...${more} />`;
}

const Chosen = ({ name, options, value, then }) => html`
  <select name=${name} value=${value ?? options[0]} onChange=${(event) => then(event.target.value)}>
    ${options.map((one) => html`<option>${one}</option>`)}</select>`;

/** What is chosen goes into the address, and what cannot go with it leaves that. */
const choose = ({ name, aside = [] }) => (value) =>
  refine({ ...(value && Object.fromEntries(aside.map((other) => [other, '']))), [name]: value });

/** Says of a filter that it knows no more than what is shown, where that is so. */
export const OfThisPage = ({ is, children }) => is && html`<p class="notice" role="status">${children}</p>`;

/** `fields` are `{name, title, options or holder, aside?}`, `aside` naming the filters that do not go together with it; `text` is `{title, value, search}`, what `/` leads to. */
export const Filters = ({ fields, query, text }) => html`
  <form class="filters" role="search" onSubmit=${(event) => event.preventDefault()}>
    ${text && html`<label>${text.title}<${Written} type="search" data-search placeholder="/" value=${text.value ?? ''} then=${text.search} /></label>`}
    ${fields.map(({ name, title, options, holder, aside }) => html`
      <label key=${name}>${title}${options
        ? html`<${Chosen} name=${name} options=${options} value=${query[name]} then=${choose({ name, aside })} />`
        : html`<${Written} name=${name} value=${query[name] ?? ''} placeholder=${holder} then=${choose({ name, aside })} />`}</label>`)}
  </form>`;
