"""For who is called: checks that it was Errand, finds the handler, and answers how the task ended."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from .outcome import Context, Handler, run

#: How far the clocks may be apart, in seconds.
TOLERANCE_S = 300


def verify(secrets: str | Iterable[str], headers: Mapping[str, str], body: bytes, now: float | None = None) -> bool:
    """Whether one of these secrets (`whsec_…`) has signed the call, by Standard Webhooks, and just now."""
    given = {name.lower(): value for name, value in headers.items()}
    id, at = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not at.isdecimal() or abs((time.time() if now is None else now) - int(at)) > TOLERANCE_S:
        return False
    said = [part.removeprefix("v1,") for part in given.get("webhook-signature", "").split() if part.startswith("v1,")]
    signed = f"{id}.{at}.".encode() + body
    for secret in [secrets] if isinstance(secrets, str) else secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        right = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        if any(hmac.compare_digest(right, other) for other in said):
            return True
    return False


class Push:
    """Handlers that Errand calls: `handle` for any server, and itself a WSGI application. A type has a secret of its own, and
    is done only if that has signed the call."""

    def __init__(self) -> None:
        self._types: dict[str, tuple[list[str], Handler]] = {}

    def task(self, task_type: str, secret: str | list[str]) -> Callable[[Handler], Handler]:
        """The handler of a task type, and its secrets: two while one is replaced."""

        def add(handler: Handler) -> Handler:
            self._types[task_type] = ([secret] if isinstance(secret, str) else secret, handler)
            return handler

        return add

    def handle(self, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer."""
        given = {name.lower(): value for name, value in headers.items()}
        # The header is not signed: the secret says which type it is.
        signed = [(name, handler) for name, (secrets, handler) in self._types.items() if verify(secrets, given, body)]
        if not signed:
            return 401, {"content-type": "text/plain"}, b"not signed by a secret that is known here"
        name, handler = signed[0]
        note = given.get("errand-redrive-note")
        context = Context(given.get("errand-task-id", ""), name, json.loads(body), int(given.get("errand-attempt", "1")),
                          given.get("idempotency-key", ""), unquote(note) if note else None, None,
                          given.get("traceparent"))
        outcome = json.dumps(run(handler, context)).encode()
        return 200, {"content-type": "application/vnd.errand.outcome+json"}, outcome

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        headers = {key[5:].replace("_", "-"): value for key, value in environ.items() if key.startswith("HTTP_")}
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        status, answered, said = self.handle(headers, body)
        start_response(f"{status} {'OK' if status == 200 else 'Unauthorized'}", list(answered.items()))
        return [said]
