// `/` searches, `j` and `k` move, `x` selects, `?` helps. What is moved along is marked `data-row`.
import { signal } from './html.js';
import { link } from './route.js';

export const helping = signal(false);

/** Whether somebody has begun to search in a view that has nothing to search, and was led to another. */
let isSearching = false;

/** Whether a field that has come to be is what somebody was led to; once. */
export function searches() {
  const was = isSearching;
  isSearching = false;
  return was;
}

const isWriting = (target) => target.closest?.('input:not([type=checkbox]), textarea, select, dialog');

function move(step) {
  const rows = [...document.querySelectorAll('[data-row]')];
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + step, 0), rows.length - 1)];
  (next?.querySelector('a[href]') ?? next?.querySelector('button'))?.focus();
}

function search() {
  const field = document.querySelector('[data-search]');
  if (field) return field.focus();
  isSearching = true;
  location.hash = link('tasks');
}

const KEYS = {
  '/': search,
  j: () => move(1),
  k: () => move(-1),
  x: () => document.activeElement?.closest('[data-row]')?.querySelector('input[type=checkbox]')?.click(),
  '?': () => (helping.value = true),
};

addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target) || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});
