// A dialog of the browser's own: it keeps the focus, and Esc closes it.
import { html, useLayoutEffect, useRef } from '../lib/html.js';

export function Dialog({ title, close, children }) {
  const dialog = useRef(null);
  // Before it is painted: a dialog that is not open yet takes neither a click nor the focus.
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown.showModal();
    // So the focus goes back to where it was.
    return () => shown.close();
  }, []);
  return html`
    <dialog ref=${dialog} aria-labelledby="dialog-title" onClose=${close}>
      <header><h2 id="dialog-title">${title}</h2>
        <button class="plain" aria-label="Close" onClick=${() => dialog.current.close()}>✕</button></header>
      ${children}
    </dialog>`;
}
