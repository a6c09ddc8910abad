// A worker: takes tasks, does them at once, keeps them alive, and says how they ended.

import { ApiError, Client, sleep, type Json } from "./client.js";
import { Context, type Handler } from "./outcome.js";

export interface WorkerOptions {
  client?: Client;
  /** How many tasks it does at a time. */
  capacity?: number;
  pool?: string;
  leaseS?: number;
  waitS?: number;
  /** How long what runs may go on after `stop`. */
  graceMs?: number;
  workerId?: string;
  /** Is told what went wrong and was survived. */
  warn?: (message: string) => void;
}

interface Claimed {
  task_id: string;
  task_type: string;
  payload: Json;
  attempt: number;
  lease_token: string;
  idempotency_key: string;
  redrive_note?: string;
  details?: Record<string, Json>;
  traceparent?: string;
}

/** The most ends in one request. */
const BATCH = 50;

export class Worker {
  readonly id: string;
  private readonly client: Client;
  private readonly handlers = new Map<string, Handler>();
  private readonly held = new Map<string, { id: string; context: Context }>();
  private readonly ended: Record<string, Json>[] = [];
  private telling: Promise<void> | undefined;
  private stopped = false;
  private changed: () => void = () => {};

  constructor(private readonly options: WorkerOptions = {}) {
    this.client = options.client ?? new Client();
    this.id = options.workerId ?? `node-${process.pid}-${crypto.randomUUID().slice(0, 8)}`;
  }

  /** The handler of a task type: it is given a `Context` and returns the output, or throws how else it ended. */
  task<P = any>(taskType: string, handler: Handler<P>): this {
    this.handlers.set(taskType, handler as Handler);
    return this;
  }

  /** Takes no more tasks; `run` ends once those in hand have ended. */
  stop(): void {
    this.stopped = true;
    this.changed();
  }

  /** Works until `stop`, SIGTERM or SIGINT. What has not ended `graceMs` later is left to another worker. */
  async run(): Promise<void> {
    const stop = () => this.stop();
    process.once("SIGTERM", stop).once("SIGINT", stop);
    const heart = setInterval(() => void this.beat(), ((this.options.leaseS ?? 60) * 1000) / 3);
    try {
      await this.claim();
      const until = Date.now() + (this.options.graceMs ?? 30_000);
      while (this.held.size > 0 && Date.now() < until) await this.change(until - Date.now());
      for (const { context } of this.held.values()) context.cancelled.abort();
      await this.tell();
    } finally {
      clearInterval(heart);
      process.off("SIGTERM", stop).off("SIGINT", stop);
    }
  }

  private async claim(): Promise<void> {
    const { capacity = 10, waitS = 20, leaseS = 60, pool } = this.options;
    for (let idle = 0; !this.stopped; ) {
      const room = capacity - this.held.size;
      if (room <= 0) {
        await this.change();
        continue;
      }
      const body = {
        worker_id: this.id, task_types: [...this.handlers.keys()], max: Math.min(room, BATCH), idle, wait_s: waitS,
        lease_s: leaseS, ...(pool === undefined ? {} : { pool }),
      };
      type Given = { items: Claimed[]; poll_after_s: number; state: string };
      let given: Given;
      try {
        // The same key however often it is said: an answer that is lost loses no task.
        const options = { key: `claim-${crypto.randomUUID()}`, timeoutMs: (waitS + 10) * 1000 };
        given = await this.client.request<Given>("POST", "/v1/claims", body, options);
      } catch (error) {
        if (error instanceof ApiError && error.status < 500 && error.status !== 429) throw error;
        this.warn(`nothing was claimed: ${error}`);
        await this.change(2000);
        continue;
      }
      idle = given.items.length > 0 ? 0 : idle + 1;
      for (const item of given.items) this.take(item);
      if (given.state === "drain") return;
      if (given.items.length === 0) await this.change(given.poll_after_s * 1000);
    }
  }

  private take(item: Claimed): void {
    const lease = { task_id: item.task_id, lease_token: item.lease_token };
    if (this.stopped) {
      this.end({ ...lease, status: "released" });
      return;
    }
    const context = new Context(
      item.task_id, item.task_type, item.payload, item.attempt, item.idempotency_key, item.redrive_note,
      item.details, item.traceparent,
    );
    this.held.set(item.lease_token, { id: item.task_id, context });
    const handler = this.handlers.get(item.task_type) as Handler;
    void context.run(handler).then((ended) => {
      this.held.delete(item.lease_token);
      if (!context.cancelled.signal.aborted) this.end({ ...lease, ...ended });
      this.changed();
    });
  }

  private end(ended: Record<string, Json>): void {
    this.ended.push(ended);
    this.telling ??= sleep(0).then(() => this.tell()).finally(() => (this.telling = undefined));
  }

  private async tell(): Promise<void> {
    while (this.ended.length > 0) {
      const items = this.ended.splice(0, BATCH);
      try {
        // Said again it is answered again.
        type Said = { items: { status: number; error?: { message: string } }[] };
        const said = await this.client.request<Said>("POST", "/v1/claims/finish", { items }, { repeatable: true });
        said.items.forEach(({ error }, nth) => {
          if (error) this.warn(`the end of task ${items[nth]?.task_id} was not taken: ${error.message}`);
        });
      } catch (error) {
        this.warn(`${items.length} ended tasks were not told; another worker will do them again: ${error}`);
      }
    }
  }

  private async beat(): Promise<void> {
    const held = [...this.held];
    for (let at = 0; at < held.length; at += 100) {
      const some = held.slice(at, at + 100);
      const leases = some.map(([token, { id }]) => ({ task_id: id, lease_token: token }));
      const body = { worker_id: this.id, leases, lease_s: this.options.leaseS ?? 60 };
      try {
        type News = { items: { lost?: boolean }[] };
        const news = await this.client.request<News>("POST", "/v1/claims/heartbeat", body, { repeatable: true });
        news.items.forEach(({ lost }, nth) => lost && some[nth]?.[1].context.cancelled.abort());
      } catch (error) {
        this.warn(`the heartbeat was not heard: ${error}`);
      }
    }
  }

  /** Until a task ends, `stop` is called, or so long. */
  private change(ms?: number): Promise<void> {
    return new Promise((done) => {
      const timer = ms === undefined ? undefined : setTimeout(done, ms);
      this.changed = () => {
        clearTimeout(timer);
        done();
      };
    });
  }

  private warn(message: string): void {
    (this.options.warn ?? console.warn)(message);
  }
}
