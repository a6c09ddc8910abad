// Errand in TypeScript: enqueue tasks, do them as a worker, or answer when Errand calls. It needs `fetch` and nothing else.

export { ApiError, Client, Unreachable } from "./client.js";
export type { ClientOptions, Enqueue, Json, RequestOptions, Task } from "./client.js";
export { Context, Outcome } from "./outcome.js";
export type { Handler } from "./outcome.js";
export { Push, verify } from "./push.js";
export { Worker } from "./worker.js";
export type { WorkerOptions } from "./worker.js";
