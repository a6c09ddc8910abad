// The HTTP API: requests, answers and errors.

export type Json = null | boolean | number | string | Json[] | { [field: string]: Json };

/** A task as the API answers it; `GET /v1/openapi.json` has all its fields. */
export interface Task {
  id: string;
  task_type: string;
  status: "pending" | "running" | "completed" | "failed" | "cancelled" | "blocked";
  executions: number;
  created_at: string;
  payload?: Json;
  output?: Json;
  failure?: { kind: string; message: string };
  reason?: string;
  deduplicated?: boolean;
}

/** What else `POST /v1/tasks` takes. */
export interface Enqueue {
  key?: string;
  delay_s?: number;
  scheduled_for?: string;
  priority?: "urgent" | "high" | "medium" | "low";
  queue?: string;
  project?: string;
  user_id?: string;
  max_retries?: number;
  timeout_s?: number;
  expires_at?: string;
  /** The trace that it is asked for in. */
  traceparent?: string;
}

/** Errand has answered with an error: its HTTP status, a code for programs, the field that is to blame, if one is. */
export class ApiError extends Error {
  constructor(
    readonly status: number, readonly code: string, said: string, readonly field?: string,
    readonly retryAfterS?: number,
  ) {
    super(`${status} ${code}: ${said}${field ? ` (at ${field})` : ""}`);
  }
}

/** Errand has not answered. What was asked may have been done. */
export class Unreachable extends Error {}

export interface ClientOptions {
  /** Where Errand is; `ERRAND_URL`, or this machine. */
  url?: string;
  /** `ERRAND_TOKEN`, if there is one. */
  token?: string;
  tenant?: string;
  timeoutMs?: number;
  /** How often what may be said twice is said. */
  tries?: number;
}

export interface RequestOptions {
  key?: string | undefined;
  /** The trace that the request belongs to. */
  traceparent?: string | undefined;
  /** Whether it may be said twice: what only reads or puts may, and what has a key. */
  repeatable?: boolean;
  timeoutMs?: number;
}

export class Client {
  readonly url: string;
  private readonly token: string | undefined;

  constructor(private readonly options: ClientOptions = {}) {
    this.url = (options.url ?? process.env.ERRAND_URL ?? "http://127.0.0.1:8787").replace(/\/+$/, "");
    this.token = options.token ?? process.env.ERRAND_TOKEN;
  }

  /** Any request of the API. */
  async request<T = Json>(method: string, path: string, body?: unknown, options: RequestOptions = {}): Promise<T> {
    const headers: Record<string, string> = { "content-type": "application/json", "user-agent": "errand-client-typescript/0.1.0" };
    if (this.token) headers.authorization = `Bearer ${this.token}`;
    if (this.options.tenant) headers["x-errand-tenant"] = this.options.tenant;
    if (options.key) headers["idempotency-key"] = options.key;
    if (options.traceparent) headers.traceparent = options.traceparent;
    const again = options.repeatable ?? (["GET", "PUT", "DELETE"].includes(method) || options.key !== undefined);
    for (let left = again ? (this.options.tries ?? 4) - 1 : 0; ; left--) {
      let wait = 0.5;
      try {
        const signal = AbortSignal.timeout(options.timeoutMs ?? this.options.timeoutMs ?? 30_000);
        const init: RequestInit = { method, headers, signal, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
        const answer = await fetch(this.url + path, init);
        if (answer.ok) return (await answer.json()) as T;
        const error = await refused(answer);
        if (left <= 0 || (error.status !== 429 && error.status < 500)) throw error;
        wait = error.retryAfterS ?? wait;
      } catch (broken) {
        if (broken instanceof ApiError) throw broken;
        if (left <= 0) throw new Unreachable(`${method} ${path}: ${broken}`, { cause: broken });
      }
      await sleep(Math.min(wait, 10) * (1 + Math.random() / 2) * 1000);
    }
  }

  /**
   * Enqueues a task; the same key with the same payload is the same task, however often it is said. Without one it is given
   * one, so that a lost answer makes no second task.
   */
  enqueue(taskType: string, payload: Json, { key, traceparent, ...more }: Enqueue = {}): Promise<Task> {
    const body = { task_type: taskType, payload, ...more };
    return this.request<Task>("POST", "/v1/tasks", body, { key: key ?? `ts-${crypto.randomUUID()}`, traceparent });
  }

  task(id: string): Promise<Task> {
    return this.request<Task>("GET", `/v1/tasks/${encodeURIComponent(id)}`);
  }

  /** Each task of a list, page by page: `queue`, `status`, `type`, `user_id`, … */
  async *tasks(filters: Record<string, string> = {}): AsyncGenerator<Task> {
    let cursor: string | null = null;
    do {
      const query = new URLSearchParams(cursor === null ? filters : { ...filters, cursor });
      const page: { items: Task[]; cursor: string | null } = await this.request("GET", `/v1/tasks?${query}`);
      yield* page.items;
      cursor = page.cursor;
    } while (cursor !== null);
  }

  cancel(id: string, reason?: string): Promise<Task> {
    return this.act(id, "cancel", reason === undefined ? {} : { reason });
  }

  /** Sets a failed, cancelled or blocked task going again; `note` is a word to whoever does it. */
  retry(id: string, note?: string): Promise<Task> {
    return this.act(id, "retry", note === undefined ? {} : { note });
  }

  /** The task once it has ended. */
  async wait(id: string, timeoutMs = 60_000, everyMs = 200): Promise<Task> {
    for (const until = Date.now() + timeoutMs; ; await sleep(everyMs)) {
      const task = await this.task(id);
      if (task.status !== "pending" && task.status !== "running") return task;
      if (Date.now() > until) throw new Error(`task ${id} is still ${task.status}`);
    }
  }

  /** Makes a task type, or changes it: one that workers do, unless `run` says otherwise. */
  putType(name: string, more: Record<string, unknown> = {}): Promise<Json> {
    return this.request("PUT", `/v1/task-types/${encodeURIComponent(name)}`, { run: { kind: "worker" }, ...more });
  }

  private act(id: string, act: string, body: Record<string, string>): Promise<Task> {
    const path = `/v1/tasks/${encodeURIComponent(id)}/${act}`;
    return this.request<Task>("POST", path, body, { key: `ts-${crypto.randomUUID()}` });
  }
}

async function refused(answer: Response): Promise<ApiError> {
  type Said = { error?: { code?: string; message?: string; field?: string } };
  const { error = {} } = (await answer.json().catch(() => ({}))) as Said;
  const after = Number(answer.headers.get("retry-after") ?? "none");
  const wait = Number.isFinite(after) ? after : undefined;
  return new ApiError(answer.status, error.code ?? "unreadable", error.message ?? answer.statusText, error.field, wait);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
