// Signing in with the issuer of the server's tokens, and out again.
import { signOut, token, wanted } from '../lib/api.js';
import { html } from '../lib/html.js';
import { link, route } from '../lib/route.js';
import { begin, end, settings, trouble } from '../lib/sign_in.js';

async function tried(act) {
  trouble.value = '';
  try {
    await act();
  } catch (error) {
    trouble.value = error.message;
  }
}

function enter(event) {
  event.preventDefault();
  const view = route.value.view === 'token' ? link('overview') : location.hash;
  tried(() => begin(view));
}

const leave = () => tried(() => {
  signOut();
  return end();
});

export function SignIn() {
  const refused = wanted.value && token.value && 'The server does not take the token of this sign-in, or no longer.';
  const why = trouble.value || refused;
  return html`
    <form class="card" onSubmit=${enter}>
      <p><b>${new URL(settings.issuer).host}</b> says who you are and what you may do.</p>
      ${why && html`<p class="notice bad" role="alert">${why}</p>`}
      <footer>
        ${token.value && html`<button type="button" onClick=${leave}>Sign out</button>`}
        <button class="primary" type="submit">Sign in</button>
      </footer>
    </form>`;
}
