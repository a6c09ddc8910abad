// The way around, on each page.
import { tenant, token } from '../lib/api.js';
import { html } from '../lib/html.js';
import { helping } from '../lib/keys.js';
import { link } from '../lib/route.js';

const VIEWS = [
  ['overview', 'Overview'], ['tasks', 'Tasks'], ['failures', 'Failures'], ['flows', 'Flows'], ['schedules', 'Schedules'],
  ['types', 'Types'], ['workers', 'Workers'], ['runs', 'Runs'],
];

export function Nav({ view }) {
  const of = (name) => view === name || (name === 'flows' && view === 'groups');
  return html`
    <nav aria-label="Views">
      <a class="brand" href=${link('overview')} aria-label="Errand, overview"><span class="mark" aria-hidden="true">✓</span> Errand</a>
      <ul>
        ${VIEWS.map(([name, title]) => html`<li><a href=${link(name)} aria-current=${of(name) ? 'page' : undefined}>${title}</a></li>`)}
      </ul>
      <div class="foot">
        <a href=${link('token')} aria-current=${of('token') ? 'page' : undefined}>${tenant.value ? `Tenant ${tenant.value}` : token.value ? 'Token' : 'Access'}</a>
        <button class="plain" aria-label="Keyboard help" onClick=${() => (helping.value = true)}>?</button>
      </div>
    </nav>`;
}
