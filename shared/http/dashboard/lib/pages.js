// Lists come in pages, and a filtered page may be short or empty before the end.
import { get, withQuery } from './api.js';

/** How often one page is filled up before it is shown as it is: its reader may go on from there. */
const FILLS = 8;

/** A page of `size` items from `cursor` on, filled up. Answers `{items, cursor}`. */
export async function page(path, query, cursor, size, signal) {
  const items = [];
  for (let fill = 0; fill < FILLS; fill++) {
    const answer = await get(withQuery(path, { ...query, limit: Math.min(100, size - items.length), cursor }), { signal });
    items.push(...answer.items);
    cursor = answer.cursor;
    if (!cursor || items.length >= size) break;
  }
  return { items, cursor };
}

/** All items of a list that is short by its nature, `most` at most. */
export async function all(path, signal, most = 500) {
  const items = [];
  let cursor;
  do {
    const answer = await get(withQuery(path, { limit: 100, cursor }), { signal });
    items.push(...answer.items);
    cursor = answer.cursor;
  } while (cursor && items.length < most);
  return items;
}
