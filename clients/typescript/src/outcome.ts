// What a handler is given, and how it may end.

import type { Json } from "./client.js";

/** An end that is no output: a handler throws it. */
export class Outcome extends Error {
  constructor(message: string, readonly said: Record<string, Json>) {
    super(message);
  }

  /** It failed, and no other try can mend that. */
  static permanent(message: string): Outcome {
    return new Outcome(message, { status: "failed", failure: { message, retry: false } });
  }

  /** It failed; again in so many seconds. */
  static retryAfter(seconds: number, message = `again in ${seconds} s`): Outcome {
    return new Outcome(message, { status: "failed", failure: { message, retry_after_s: seconds } });
  }

  /** It needs something from a person: what. */
  static blocked(reason: string): Outcome {
    return new Outcome(reason, { status: "blocked", reason });
  }

  /** It is not to be done after all: why. */
  static cancelled(reason: string): Outcome {
    return new Outcome(reason, { status: "cancelled", reason });
  }

  /** Nothing went wrong; again in so many seconds. */
  static snooze(seconds: number): Outcome {
    return new Outcome(`again in ${seconds} s`, { status: "snoozed", retry_after_s: seconds });
  }
}

/** A task in hand. */
export class Context<P = any> {
  /** Aborted once the task was called off or lost: stop, whatever is said of it then is not taken. */
  readonly cancelled = new AbortController();
  private readonly also: { follow_up?: Json[]; events?: Json[] } = {};
  private readonly said: Record<string, Json> = {};

  constructor(
    readonly id: string, readonly taskType: string, readonly payload: P, readonly attempt: number,
    /** The same for every try: for services that remove repetitions by a key. */
    readonly idempotencyKey: string,
    /** What an operator said who set the task going again. */
    readonly redriveNote?: string,
    /** What else its type tells: of a run, its `run_id`, `session_id` and `resource_bundle`. */
    readonly details: Record<string, Json> = {},
    /** The trace that the task was asked for in: a header of that name for whoever is called for it. */
    readonly traceparent?: string,
  ) {}

  /** Says more of this execution, however it ends: `used`; of a run, its backend's `thread_id` and `turn_id`. */
  say(fields: Record<string, Json>): void {
    Object.assign(this.said, fields);
  }

  /** Makes another task with the end of this one, once: of its own type, or one that its type `may_enqueue`. */
  followUp(taskType: string, payload: Json, more: Record<string, Json> = {}): void {
    (this.also.follow_up ??= []).push({ task_type: taskType, payload, ...more });
  }

  /** Publishes an event with the end of this task, once. */
  event(type: string, data: Json = null): void {
    (this.also.events ??= []).push({ type, data });
  }

  /** Runs a handler once; what came of it, as Errand takes it. */
  async run(handler: Handler<P>): Promise<Record<string, Json>> {
    return { ...(await this.ended(handler)), ...this.said };
  }

  private async ended(handler: Handler<P>): Promise<Record<string, Json>> {
    try {
      return { status: "completed", output: (await handler(this)) ?? null, ...this.also };
    } catch (end) {
      if (end instanceof Outcome) return { ...end.said, ...this.also };
      const error = end instanceof Error ? end : new Error(String(end));
      const kind = error.name.replace(/[^A-Za-z0-9_.-]/g, "").slice(0, 64) || "Error";
      return { status: "failed", failure: { message: error.message.slice(0, 2000) || "no message", kind } };
    }
  }
}

export type Handler<P = any> = (task: Context<P>) => Json | void | Promise<Json | void>;
