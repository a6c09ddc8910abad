// What every component is written with: one place names the vendored modules.
import htm from '../vendor/htm.js';
import { h } from '../vendor/preact.js';

export const html = htm.bind(h);
export { render } from '../vendor/preact.js';
export { useEffect, useLayoutEffect, useMemo, useRef, useState } from '../vendor/hooks.js';
export { signal } from '../vendor/signals.js';
