// Signing in with the issuer that the page names, as OpenID Connect has it for a page: by a code, and PKCE. What comes of it is
// forgotten with the browser's tab.
import { signal } from './html.js';
import { replace } from './route.js';

const named = document.querySelector('meta[name="errand-sign-in"]');

/** `{issuer, client_id, scope, audience}`; null where people sign in with nobody. */
export const settings = named && JSON.parse(named.content);

/** Why nobody is signed in, in words; empty while nothing is wrong. */
export const trouble = signal('');

/** The page's own address, to which the issuer sends people back. */
const home = new URL('.', location.href).href;

/** What this tab has asked the issuer, and what it got besides the token. */
const [ASKED, REFRESH, ID] = ['sign-in', 'refresh-token', 'id-token'];

const base64 = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const random = () => base64(crypto.getRandomValues(new Uint8Array(32)));
const said = ({ error, error_description }) => [error, error_description].filter(Boolean).join(': ');

/** What is answered to a question, or to a form; throws an Error that says in words why it is not. */
async function answered(address, form) {
  const asked = form ? { method: 'POST', body: new URLSearchParams(form) } : {};
  const response = await fetch(address, { ...asked, credentials: 'omit', cache: 'no-store' }).catch(() => {
    throw new Error(`${new URL(address).origin} does not answer this page. It has to allow it (CORS), and the page's server too (DashboardConnect).`);
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(`The issuer refuses: ${said(answer) || response.status}`);
  return answer;
}

/** The issuer's own description. It must be of the issuer whose tokens the server takes. */
async function discovered() {
  const found = await answered(`${settings.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  if (found.issuer !== settings.issuer) throw new Error(`Who answers for ${settings.issuer} says to be ${found.issuer}.`);
  return found;
}

function goTo(address, query) {
  const url = new URL(address);
  if (url.protocol !== 'https:' && url.protocol !== new URL(settings.issuer).protocol) throw new Error(`${address} is not safe.`);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  location.assign(url);
}

/** Sends whoever it is to the issuer, and from there back to the view. */
export async function begin(view) {
  const { authorization_endpoint } = await discovered();
  const [state, verifier] = [random(), random()];
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
  sessionStorage.setItem(ASKED, JSON.stringify({ state, verifier, view }));
  const { client_id, scope, audience } = settings;
  goTo(authorization_endpoint, {
    response_type: 'code', client_id, redirect_uri: home, scope, audience, state,
    code_challenge: base64(new Uint8Array(digest)), code_challenge_method: 'S256',
  });
}

/** The token of whoever the issuer has sent back, if that is how the page was opened; null if not. */
export async function arrived() {
  const given = Object.fromEntries(new URLSearchParams(location.search));
  if (!settings || !(given.code ?? given.error)) return null;
  const asked = JSON.parse(sessionStorage.getItem(ASKED) ?? '{}');
  sessionStorage.removeItem(ASKED);
  replace(`${home}${asked.view ?? ''}`);
  if (!asked.state || given.state !== asked.state) throw new Error('This is no answer to what this tab has asked. Sign in again.');
  const { token_endpoint, authorization_response_iss_parameter_supported: names } = await discovered();
  if ((names || given.iss !== undefined) && given.iss !== settings.issuer) throw new Error('Another issuer has answered. Sign in again.');
  if (given.error) throw new Error(`The issuer refuses: ${said(given)}`);
  const { client_id } = settings;
  return kept(await answered(token_endpoint, {
    grant_type: 'authorization_code', code: given.code, redirect_uri: home, client_id, code_verifier: asked.verifier,
  }));
}

function kept({ access_token, refresh_token, id_token }) {
  if (!access_token) throw new Error('The issuer has given no token.');
  if (refresh_token) sessionStorage.setItem(REFRESH, refresh_token);
  if (id_token) sessionStorage.setItem(ID, id_token);
  return access_token;
}

let renewing = null;

/** Another token in place of one that is over, the same for all who ask meanwhile; null if there is none to be had. */
export function renewed() {
  renewing ??= renew().finally(() => (renewing = null));
  return renewing;
}

async function renew() {
  const refresh_token = sessionStorage.getItem(REFRESH);
  if (!settings || !refresh_token) return null;
  try {
    const { token_endpoint } = await discovered();
    return kept(await answered(token_endpoint, { grant_type: 'refresh_token', client_id: settings.client_id, refresh_token }));
  } catch (error) {
    sessionStorage.removeItem(REFRESH);
    trouble.value = error.message;
    return null;
  }
}

/** Forgets what came with a token. */
export function forget() {
  trouble.value = '';
  for (const name of [ASKED, REFRESH, ID]) sessionStorage.removeItem(name);
}

/** Forgets all that, and has the issuer do the same, where it can be asked to. */
export async function end() {
  const id_token_hint = sessionStorage.getItem(ID);
  forget();
  const { end_session_endpoint } = await discovered();
  // Cognito has a name of its own for where to go on.
  const query = { client_id: settings.client_id, post_logout_redirect_uri: home, logout_uri: home };
  if (end_session_endpoint) goTo(end_session_endpoint, id_token_hint ? { ...query, id_token_hint } : query);
}
