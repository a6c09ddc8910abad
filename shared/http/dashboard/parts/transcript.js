// What was said and done in a run, in its order. All of it is text.
import { html } from '../lib/html.js';
import { Since } from './words.js';

/** Who speaks and what, for each kind of event. */
const SAYS = {
  assistant_message: ({ text }) => ['Agent', text],
  backend_status: ({ phase, note }) => [null, [phase, note].filter(Boolean).join(': ')],
  command_output: ({ command, text, exit_code: code }) => [command ?? 'Command', text, code ? `ended with ${code}` : null, true],
  tool_call: ({ tool, input, output }) => [`Tool ${tool}`, [JSON.stringify(input, null, 2), output].filter(Boolean).join('\n→ '), null, true],
  diff: ({ path, text }) => [`Change of ${path ?? 'a file'}`, text, null, true],
  error: ({ kind, message }) => ['Error', message, kind],
  terminal_status: ({ status, text, failure_kind: kind }) => [`Ended: ${status}`, text, kind],
};

function Said({ event }) {
  const [who, text, more, isCode] = SAYS[event.type]?.(event.payload) ?? [event.type, JSON.stringify(event.payload)];
  if (!who) return html`<li class="aside faint">${text} · <${Since} at=${event.at} /></li>`;
  return html`
    <li class=${`said ${event.type}`}>
      <div class="what"><strong>${who}</strong> <span class="faint">${more ? `${more} · ` : ''}<${Since} at=${event.at} /></span></div>
      ${isCode ? html`<details><summary class="faint">${(text ?? '').split('\n')[0].slice(0, 90)}</summary><pre tabindex="0">${text}</pre></details>` : html`<p>${text}</p>`}
      ${event.cut && html`<p class="faint">Something was cut off.</p>`}
    </li>`;
}

export const Transcript = ({ prompt, events }) => html`
  <section><header><h2>Transcript</h2></header>
    <ol class="transcript" aria-live="polite" aria-relevant="additions">
      ${prompt && html`<li class="said asked"><div class="what"><strong>Asked</strong></div><p>${prompt}</p></li>`}
      ${events.map((event) => html`<${Said} key=${event.seq} event=${event} />`)}
    </ol></section>`;
