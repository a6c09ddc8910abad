// The one place that asks `/v1`. The token rides in a header, never in a cookie or an address.
import { signal } from './html.js';
import { renewed, settings } from './sign_in.js';

const kept = (name) => signal(sessionStorage.getItem(name) ?? '');

/** The token and the tenant that are asked with; both are forgotten with the browser's tab. */
export const token = kept('token');
export const tenant = kept('tenant');

/** Whether the server wants a token that we do not have: where people sign in, it always wants one. */
export const wanted = signal(Boolean(settings) && !token.value);

/** How often somebody has begun to ask: what was shown to one is not for the next. A token that is only renewed is the same one's. */
export const entered = signal(0);

/** Since when the server has not answered, in ms; null while it does. */
export const silentSince = signal(null);

export class ApiError extends Error {
  constructor(status, { code, message, field } = {}) {
    super(field ? `${field}: ${message}` : message ?? `the server answered ${status}`);
    Object.assign(this, { status, code });
  }
}

function keep(newToken) {
  sessionStorage.setItem('token', newToken);
  token.value = newToken;
}

export function signIn(newToken, newTenant) {
  keep(newToken);
  sessionStorage.setItem('tenant', newTenant);
  tenant.value = newTenant;
  wanted.value = false;
  entered.value++;
}

export function signOut() {
  keep('');
  wanted.value = true;
}

/** Whether there is another token than `before` now, or has come to be. */
async function isRenewed(before) {
  if (token.value !== before) return true;
  const next = await renewed();
  // Who has signed out or in meanwhile is asked no more for that.
  if (next && token.value === before) keep(next);
  return token.value !== before;
}

function headers(body, as) {
  const given = {};
  if (body !== undefined) given['content-type'] = 'application/json';
  if (as.token) given.authorization = `Bearer ${as.token}`;
  if (as.tenant) given['x-errand-tenant'] = as.tenant;
  return given;
}

/** Where it is: relative to the page, wherever that is served. */
const at = (path) => new URL(`v1/${path}`, document.baseURI.split('#')[0]).href;

async function fetched(method, path, { body, signal, as = { token: token.value, tenant: tenant.value } }) {
  const content = body === undefined ? undefined : JSON.stringify(body);
  try {
    const response = await fetch(at(path), { method, headers: headers(body, as), body: content, signal, cache: 'no-store' });
    silentSince.value = null;
    return response;
  } catch (error) {
    if (error.name !== 'AbortError') silentSince.value ??= Date.now();
    throw error.name === 'AbortError' ? error : new ApiError(0, { code: 'silent', message: 'the server does not answer' });
  }
}

/**
 * Asks and answers what was answered; throws an ApiError, but for what `also` names: statuses whose body is an answer. `as` is
 * who asks (`{token, tenant}`), if that is to be tried first.
 */
export async function ask(method, path, { also = [], ...options } = {}) {
  const before = token.value;
  let response = await fetched(method, path, options);
  // A request that is refused so has done nothing.
  if (response.status === 401 && !options.as && (await isRenewed(before))) response = await fetched(method, path, options);
  const answer = await response.json().catch(() => null);
  if (response.ok || also.includes(response.status)) return answer;
  if (response.status === 401 && !options.as) wanted.value = true;
  // API Gateway's own errors are a bare message.
  throw new ApiError(response.status, answer?.error ?? { message: answer?.message });
}

export const get = (path, options) => ask('GET', path, options);
export const post = (path, body = {}) => ask('POST', path, { body });

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** What asks the same from a shell. The token is named there, and never said: who has the line has no right by it. */
export function curl(path, { method, body } = {}) {
  const parts = [
    method && `-X ${method}`, token.value && '-H "authorization: Bearer $ERRAND_TOKEN"',
    tenant.value && `-H ${quoted(`x-errand-tenant: ${tenant.value}`)}`, body && `-d ${quoted(JSON.stringify(body))}`,
    quoted(at(path)),
  ];
  return ['curl', ...parts.filter(Boolean)].join(' ');
}

/** A path with those parameters that are something. */
export function withQuery(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

/** A name as one segment of a path. */
export const segment = encodeURIComponent;
