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

/**
 * The items of a list that only grows at its end, `most` of them or a few more, and whether there are others. `seen`, which begins
 * as `{items: [], cursor: null}`, keeps the pages that are full: those are not asked for again.
 */
export async function grown(path, seen, signal, most) {
  for (;;) {
    const answer = await get(withQuery(path, { limit: 100, cursor: seen.cursor }), { signal });
    const items = [...seen.items, ...answer.items];
    if (!answer.cursor || items.length >= most) return { items, more: Boolean(answer.cursor) };
    Object.assign(seen, { items, cursor: answer.cursor });
  }
}

/** All items of a list that is short by its nature, `most` or a few more at most, and whether there are others: `{items, more}`. */
export async function all(path, signal, most = 500) {
  const items = [];
  let cursor;
  do {
    const answer = await get(withQuery(path, { limit: 100, cursor }), { signal });
    items.push(...answer.items);
    cursor = answer.cursor;
  } while (cursor && items.length < most);
  return { items, more: Boolean(cursor) };
}
