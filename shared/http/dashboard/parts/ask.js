// Asks before something is done, with a few fields.
import { html, useState } from '../lib/html.js';
import { acted, acting } from '../lib/poll.js';
import { Dialog } from './dialog.js';
import { say } from './toasts.js';

/** The time so many hours from now, as the browser's own field has it. */
export function localTime(hours = 0) {
  const at = new Date(Date.now() + hours * 3_600_000);
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

const Field = ({ name, label, type, options, value, required, max }) => html`
  <label>${label}${options
    ? html`<select name=${name}>${options.map((one) => html`<option selected=${one === value}>${one}</option>`)}</select>`
    : type === 'text'
      ? html`<textarea name=${name} rows="8" required=${required} spellcheck=${false}>${value ?? ''}</textarea>`
      : html`<input name=${name} type=${type ?? 'text'} defaultValue=${value ?? ''} required=${required} maxlength=${max ?? 1000} />`}</label>`;

/**
 * `act` is `{title, text?, fields?, danger?, go(values), done?}`: `go` does it, and its answer is told by `done(answer)`, if
 * that says something.
 */
export function Ask({ act, close }) {
  const [error, refuse] = useState('');
  const [busy, work] = useState(false);
  async function go(event) {
    event.preventDefault();
    const { hash } = location;
    work(true);
    acting();
    try {
      const answer = await act.go(Object.fromEntries(new FormData(event.target)));
      say(act.done?.(answer) ?? `${act.title}: done`);
      close();
    } catch (failed) {
      refuse(failed.message);
      work(false);
    } finally {
      // Where it led elsewhere, what was here may be gone.
      if (location.hash === hash) acted();
    }
  }
  return html`
    <${Dialog} title=${act.title} close=${close}>
      <form onSubmit=${go}>
        ${act.text && html`<p>${act.text}</p>`}
        ${act.fields?.map((field) => html`<${Field} key=${field.name} ...${field} />`)}
        ${error && html`<p class="notice bad" role="alert">${error}</p>`}
        <footer><button type="submit" class=${act.danger ? 'danger' : 'primary'} disabled=${busy}>${act.title}</button></footer>
      </form>
    <//>`;
}

/** Buttons for acts, each of which asks first. */
export function Acts({ acts }) {
  const [act, set] = useState(null);
  return html`
    <div class="acts">${acts.filter(Boolean).map((one) => html`<button key=${one.title} class=${one.danger ? 'danger' : ''} onClick=${() => set(one)}>${one.title} …</button>`)}</div>
    ${act && html`<${Ask} act=${act} close=${() => set(null)} />`}`;
}
