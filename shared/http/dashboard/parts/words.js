// Small words that many views say alike.
import { html, signal, useEffect, useRef } from '../lib/html.js';
import { clock, fromNow } from '../lib/format.js';
import { link } from '../lib/route.js';

const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), 1000);

/** The title of a view: of the browser's tab, too, and where a reader of screens goes on. */
export function Title({ text, children }) {
  const title = useRef(null);
  useEffect(() => {
    document.title = `${text} · Errand`;
  }, [text]);
  useEffect(() => {
    if (!document.activeElement?.closest('input, select, textarea, dialog')) title.current?.focus({ preventScroll: true });
  }, []);
  return html`<h1 tabindex="-1" ref=${title}>${text}${children}</h1>`;
}

/** An instant from now, which goes on by itself; the time itself on pointing at it. */
export function Since({ at }) {
  if (!at) return html`<span class="faint">–</span>`;
  const iso = new Date(at).toISOString();
  return html`<time datetime=${iso} title=${`${clock(at)}\n${iso}`}>${fromNow(iso, now.value)}</time>`;
}

export const Status = ({ of }) => html`<span class=${`status ${of}`}>${of}</span>`;

/** What to show while there is nothing else: nothing yet, an error, or that there is none. */
export function Nothing({ data, error, isEmpty, children }) {
  if (error && !data) return html`<div class="notice bad" role="alert"><strong>This could not be read.</strong> ${error.message}</div>`;
  if (!data) return html`<div class="notice wait" aria-busy="true">Reading …</div>`;
  return isEmpty ? html`<div class="notice">${children}</div>` : null;
}

/** What was shown stays, with a word that it is old. */
export const Stale = ({ data, error }) =>
  data && error && error.code !== 'silent' ? html`<p class="banner" role="status">Not renewed: ${error.message}</p>` : null;

export const TaskLink = ({ id, children }) => html`<a href=${link('tasks', id)}>${children ?? html`<code>${id}</code>`}</a>`;

/** A list of names and what they are, without those that are nothing. */
export const Facts = ({ of }) => html`
  <dl class="facts">${of.filter(([, value]) => value !== undefined && value !== null && value !== '')
    .map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
