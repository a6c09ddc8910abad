// Projects, as links and names have them: the one that is meant where none is said goes without its name.
const DEFAULT = 'default';

/** The project as links name it. */
export const linked = (project) => (project === DEFAULT ? '' : project);

/** A queue as it is called among those of all projects. */
export const queueName = ({ project, queue }) => (project === DEFAULT ? queue : `${project}/${queue}`);

/** The projects of those of `queues` that have tasks of this status, each once. */
export const projectsWith = (queues, status) => [...new Set(queues.filter((queue) => queue[status] > 0).map(({ project }) => project))];
