// A word on what was done, or why it was not.
import { html, signal } from '../lib/html.js';

const toasts = signal([]);
const SHOWN_MS = 6000;

export function say(text, bad = false) {
  const toast = { text, bad };
  toasts.value = [...toasts.value, toast];
  setTimeout(() => (toasts.value = toasts.value.filter((one) => one !== toast)), bad ? 2 * SHOWN_MS : SHOWN_MS);
}

export const Toasts = () => html`
  <div class="toasts" role="status" aria-live="polite">${toasts.value.map(({ text, bad }) => html`<p class=${bad ? 'bad' : ''}>${text}</p>`)}</div>`;
