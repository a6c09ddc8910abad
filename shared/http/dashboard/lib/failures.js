// What failed, in groups that can be set going again as such.
import { page } from './pages.js';

/** Groups a page. */
const GROUPS = 50;

/** The groups of the queues that are asked for, the newest of each queue first. */
export const failures = (asked, cursor, signal) => page('failures', asked, cursor, GROUPS, signal);

/** What dead letters of a group are found by. */
export const filterOf = (group) => ({ project: group.project, queue: group.queue, fingerprint: group.fingerprint });
