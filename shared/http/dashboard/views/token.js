// Who asks: a token, where the server wants one, and the tenant that a service of the installation asks for.
import { get, signIn, tenant, token, wanted } from '../lib/api.js';
import { html, useState } from '../lib/html.js';
import { link } from '../lib/route.js';
import { forget, settings } from '../lib/sign_in.js';
import { SignIn } from '../parts/sign_in.js';
import { Title } from '../parts/words.js';

export function Token() {
  const [refused, refuse] = useState('');
  const wantedFirst = wanted.value;
  async function enter(event) {
    event.preventDefault();
    const given = new FormData(event.target);
    const as = { token: given.get('token').trim(), tenant: given.get('tenant').trim() };
    try {
      await get('queues?limit=1', { as });
      forget();
      signIn(as.token, as.tenant);
      if (!wantedFirst) location.hash = link('overview');
    } catch (error) {
      refuse(error.message);
    }
  }
  const title = settings ? 'Sign in' : 'This server wants a token';
  return html`
    <${Title} text=${wantedFirst ? title : 'Access'} />
    ${settings && html`<${SignIn} /><h2>Or bring a token</h2>`}
    <form class="card" onSubmit=${enter}>
      <label>Token<input name="token" type="password" autocomplete="off" defaultValue=${token.value} required=${wantedFirst} /></label>
      <label>Tenant<input name="tenant" defaultValue=${tenant.value} placeholder="default" autocapitalize="off" spellcheck=${false} /></label>
      <p class="faint">Both are kept until this tab is closed, and go nowhere but to this server. The tenant counts for services of the
        installation's own; a token for one tenant is always for that.</p>
      ${refused && html`<p class="notice bad" role="alert">${refused}</p>`}
      <footer><button class="primary" type="submit">Enter</button></footer>
    </form>`;
}
