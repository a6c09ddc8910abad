// The whole page: the way around it, the view that is asked for, and what is to be said above all views.
import { entered, signIn, silentSince, tenant, token, wanted } from './lib/api.js';
import { html, render, useEffect } from './lib/html.js';
import './lib/keys.js';
import { link, route } from './lib/route.js';
import { arrived, trouble } from './lib/sign_in.js';
import { Help } from './parts/help.js';
import { Nav } from './parts/nav.js';
import { say, Toasts } from './parts/toasts.js';
import { Since, Title } from './parts/words.js';
import { Failures } from './views/failures.js';
import { Flows } from './views/flows.js';
import { Group } from './views/group.js';
import { Overview } from './views/overview.js';
import { Run } from './views/run.js';
import { Runs } from './views/runs.js';
import { Schedule } from './views/schedule.js';
import { Schedules } from './views/schedules.js';
import { Task } from './views/task.js';
import { Tasks } from './views/tasks.js';
import { Token } from './views/token.js';
import { Types } from './views/types.js';
import { Workers } from './views/workers.js';

const LISTS = {
  overview: Overview, tasks: Tasks, failures: Failures, flows: Flows, schedules: Schedules, types: Types, workers: Workers,
  runs: Runs, token: Token,
};
const THINGS = { tasks: Task, schedules: Schedule, groups: Group, runs: Run };

const Nowhere = () => html`<${Title} text="Nothing is here" /><p>No view has this address. <a href="#/overview">To the overview</a></p>`;

function App() {
  const { view, id, query } = route.value;
  const View = wanted.value ? Token : (id ? THINGS : LISTS)[view] ?? Nowhere;
  const place = `${view}/${id}`;
  useEffect(() => scrollTo(0, 0), [place]);
  return html`
    <a class="skip" href="#main" onClick=${(event) => (event.preventDefault(), document.querySelector('main h1')?.focus())}>To the content</a>
    <${Nav} view=${view} />
    <main id="main" data-at=${place} key=${`${place} ${entered.value}`}>
      ${silentSince.value !== null && html`<p class="banner" role="status">The server has not answered since <${Since} at=${silentSince.value} />. What is shown may be old; it is asked again.</p>`}
      <${View} id=${id} query=${query} />
    </main>
    <${Help} />
    <${Toasts} />`;
}

// `errand dashboard` says its token behind the `#`, which is sent to no server. Elsewhere a link must not say who asks.
const { view, query } = route.value;
if (view === 'token' && query.given && location.hostname === '127.0.0.1') {
  signIn(query.given, tenant.value);
  location.replace(link('overview'));
}

try {
  const given = await arrived();
  if (given) signIn(given, tenant.value);
} catch (error) {
  trouble.value = error.message;
  // Who is signed in stays it: a link that somebody has made up ends nothing.
  if (token.value) say(error.message, true);
}

const root = document.getElementById('app');
root.replaceChildren();
render(html`<${App} />`, root);
