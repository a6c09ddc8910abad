"""What a handler is given, and how it may end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

Json = Any
Handler = Callable[["Context"], Json]


class Outcome(Exception):
    """An end that is no output: a handler raises it."""

    def said(self) -> dict[str, Json]:
        raise NotImplementedError


class Permanent(Outcome):
    """It failed, and no other try can mend that."""

    def said(self) -> dict[str, Json]:
        return {"status": "failed", "failure": {"message": str(self), "retry": False}}


class RetryAfter(Outcome):
    """It failed; again in so many seconds."""

    def __init__(self, seconds: int, message: str = "") -> None:
        super().__init__(message or f"again in {seconds} s")
        self.seconds = seconds

    def said(self) -> dict[str, Json]:
        return {"status": "failed", "failure": {"message": str(self), "retry_after_s": self.seconds}}


class Blocked(Outcome):
    """It needs something from a person: what."""

    def said(self) -> dict[str, Json]:
        return {"status": "blocked", "reason": str(self)}


class Cancelled(Outcome):
    """It is not to be done after all: why."""

    def said(self) -> dict[str, Json]:
        return {"status": "cancelled", "reason": str(self)}


class Snooze(Outcome):
    """Nothing went wrong; again in so many seconds."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"again in {seconds} s")
        self.seconds = seconds

    def said(self) -> dict[str, Json]:
        return {"status": "snoozed", "retry_after_s": self.seconds}


class Released(Outcome):
    """It was not begun: another may have it at once."""

    def said(self) -> dict[str, Json]:
        return {"status": "released"}


class Context:
    """A task in hand."""

    def __init__(
        self, id: str, task_type: str, payload: Json, attempt: int, key: str, note: str | None = None,
        details: dict[str, Json] | None = None, traceparent: str | None = None,
    ) -> None:
        self.id, self.task_type, self.payload, self.attempt = id, task_type, payload, attempt
        #: The same for every try: for services that remove repetitions by a key.
        self.idempotency_key = key
        #: What an operator said who set the task going again.
        self.redrive_note = note
        #: What else its type tells: of a run, its `run_id`, `session_id` and `resource_bundle`.
        self.details = details or {}
        #: The trace that the task was asked for in: a header of that name for whoever is called for it.
        self.traceparent = traceparent
        #: Set once the task was called off or lost: stop, whatever is said of it then is not taken.
        self.cancelled = threading.Event()
        self._with: dict[str, list[Json]] = {}
        self._said: dict[str, Json] = {}

    def follow_up(self, task_type: str, payload: Json, **more: Json) -> None:
        """Makes another task with the end of this one, once: of its own type, or one that its type `may_enqueue`."""
        self._with.setdefault("follow_up", []).append({"task_type": task_type, "payload": payload, **more})

    def say(self, **fields: Json) -> None:
        """Says more of this execution, however it ends: `used`; of a run, its backend's `thread_id` and `turn_id`."""
        self._said.update(fields)

    def event(self, type: str, data: Json = None) -> None:
        """Publishes an event with the end of this task, once."""
        self._with.setdefault("events", []).append({"type": type, "data": data})


def run(handler: Handler, context: Context) -> dict[str, Json]:
    """Runs a handler once; what came of it, as Errand takes it."""
    return {**_ended(handler, context), **context._said}


def _ended(handler: Handler, context: Context) -> dict[str, Json]:
    try:
        return {"status": "completed", "output": handler(context), **context._with}
    except Outcome as end:
        return {**end.said(), **context._with}
    except Exception as error:  # whatever a handler raises is a failure, tried again
        message = str(error)[:2000] or "no message"
        kind = "".join(c for c in type(error).__name__ if c.isalnum() or c in "_.-")[:64]
        return {"status": "failed", "failure": {"message": message, "kind": kind or "Exception"}}
