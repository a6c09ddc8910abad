// For who is called: checks that it was Errand, finds the handler, and answers how the task ended.

import { createHmac, timingSafeEqual } from "node:crypto";

import { Context, type Handler } from "./outcome.js";

/** How far the clocks may be apart, in seconds. */
const TOLERANCE_S = 300;

/** Whether one of these secrets (`whsec_…`) has signed the call, by Standard Webhooks, and just now. */
export function verify(secrets: string | string[], headers: Headers, body: string, now = Date.now() / 1000): boolean {
  const [id, at] = [headers.get("webhook-id") ?? "", headers.get("webhook-timestamp") ?? ""];
  if (!/^\d+$/.test(at) || Math.abs(now - Number(at)) > TOLERANCE_S) return false;
  const said = (headers.get("webhook-signature") ?? "").split(" ").filter((part) => part.startsWith("v1,"));
  return [secrets].flat().some((secret) => {
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    const right = createHmac("sha256", key).update(`${id}.${at}.${body}`).digest();
    return said.some((part) => {
      const other = Buffer.from(part.slice(3), "base64");
      return other.length === right.length && timingSafeEqual(other, right);
    });
  });
}

/** Handlers that Errand calls, for any server that speaks `Request` and `Response`. */
export class Push {
  private readonly types: { name: string; secrets: string | string[]; handler: Handler }[] = [];

  /** The handler of a task type, and its secrets: two while one is replaced. */
  task<P = any>(name: string, secrets: string | string[], handler: Handler<P>): this {
    this.types.push({ name, secrets, handler: handler as Handler });
    return this;
  }

  async handle(request: Request): Promise<Response> {
    const { headers } = request;
    const body = await request.text();
    // The header is not signed: the secret says which type it is.
    const signed = this.types.find(({ secrets }) => verify(secrets, headers, body));
    if (!signed) return new Response("not signed by a secret that is known here", { status: 401 });
    const note = headers.get("errand-redrive-note");
    const context = new Context(
      headers.get("errand-task-id") ?? "", signed.name, JSON.parse(body), Number(headers.get("errand-attempt") ?? 1),
      headers.get("idempotency-key") ?? "", note === null ? undefined : decodeURIComponent(note),
      undefined, headers.get("traceparent") ?? undefined,
    );
    const outcome = JSON.stringify(await context.run(signed.handler));
    return new Response(outcome, { headers: { "content-type": "application/vnd.errand.outcome+json" } });
  }
}
