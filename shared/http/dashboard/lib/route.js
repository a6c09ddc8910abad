// Where we are is what stands after the `#`: `#/tasks?status=failed`. So every view has an address, on any server.
import { signal } from './html.js';

function read() {
  const [path, query] = location.hash.replace(/^#\/?/, '').split('?');
  const [view, ...rest] = path.split('/').map(decodeURIComponent);
  return { view: view || 'overview', id: rest.join('/'), query: Object.fromEntries(new URLSearchParams(query)) };
}

export const route = signal(read());
addEventListener('hashchange', () => (route.value = read()));

/** The address of a view, or of one thing in it. */
export function link(view, id, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value);
  const path = id ? `#/${view}/${encodeURIComponent(id)}` : `#/${view}`;
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

/** Goes to an address of the page, in place of the one where it is: no step leads back. */
export function replace(address) {
  history.replaceState(null, '', address);
  route.value = read();
}

/** Goes on in the same view by another query, without a step back for each key that is pressed. */
export function refine(change) {
  const { view, id, query } = route.value;
  replace(link(view, id, { ...query, ...change }));
}
