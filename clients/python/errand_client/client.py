"""The HTTP API: requests, answers and errors."""

from __future__ import annotations

import http.client
import json
import os
import random
import time
import uuid
from collections.abc import Iterator
from typing import Any, NotRequired, TypedDict
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

Json = Any


class Failure(TypedDict):
    """Why a task failed."""

    kind: str
    message: str


class Task(TypedDict):
    """A task as the API answers it; `GET /v1/openapi.json` has all its fields."""

    id: str
    task_type: str
    status: str
    executions: int
    created_at: str
    payload: NotRequired[Json]
    output: NotRequired[Json]
    failure: NotRequired[Failure]
    reason: NotRequired[str]
    deduplicated: NotRequired[bool]


class ApiError(Exception):
    """Errand has answered with an error: its HTTP `status`, a `code` for programs, the `field` that is to blame, if one is."""

    def __init__(self, status: int, code: str, message: str, field: str | None, retry_after_s: float | None) -> None:
        super().__init__(f"{status} {code}: {message}" + (f" (at {field})" if field else ""))
        self.status, self.code, self.message = status, code, message
        self.field, self.retry_after_s = field, retry_after_s


class Unreachable(Exception):
    """Errand has not answered. What was asked may have been done."""


class Client:
    """Asks Errand at `url` (or `ERRAND_URL`, or this machine), with a `token` (or `ERRAND_TOKEN`) and for a `tenant`, if there
    are any. A request that may be said twice is said again where the answer is lost or Errand is busy, up to `tries` times."""

    def __init__(
        self, url: str | None = None, *, token: str | None = None, tenant: str | None = None,
        timeout_s: float = 30, tries: int = 4,
    ) -> None:
        self.url = (url or os.environ.get("ERRAND_URL") or "http://127.0.0.1:8787").rstrip("/")
        self.token = token or os.environ.get("ERRAND_TOKEN")
        self.tenant, self.timeout_s, self.tries = tenant, timeout_s, tries

    def request(
        self, method: str, path: str, body: Json = None, *, key: str | None = None, repeatable: bool | None = None,
        timeout_s: float | None = None, traceparent: str | None = None,
    ) -> Json:
        """Any request of the API. Said again if it only reads or puts, has a `key`, or is `repeatable`."""
        headers = {"content-type": "application/json", "user-agent": "errand-client-python/0.1.0"}
        headers |= {"authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= {"x-errand-tenant": self.tenant} if self.tenant else {}
        headers |= {"idempotency-key": key} if key else {}
        headers |= {"traceparent": traceparent} if traceparent else {}
        data = None if body is None else json.dumps(body).encode()
        again = method in ("GET", "PUT", "DELETE") or key is not None if repeatable is None else repeatable
        for left in reversed(range(self.tries if again else 1)):
            try:
                asked = Request(self.url + path, data, headers, method=method)
                with urlopen(asked, timeout=timeout_s or self.timeout_s) as answer:
                    return json.load(answer)
            except HTTPError as answered:
                error = _error(answered)
                if left == 0 or (error.status != 429 and error.status < 500):
                    raise error from None
                wait = error.retry_after_s or 0.5
            except (URLError, OSError, http.client.HTTPException, json.JSONDecodeError) as broken:
                if left == 0:
                    raise Unreachable(f"{method} {path}: {broken}") from broken
                wait = 0.5
            time.sleep(min(wait, 10) * random.uniform(1, 1.5))
        raise AssertionError("one try at least")

    def enqueue(
        self, task_type: str, payload: Json, *, key: str | None = None, traceparent: str | None = None, **more: Json,
    ) -> Task:
        """Enqueues a task; the same `key` with the same payload is the same task, however often it is said. Without one it is
        given one, so that a lost answer makes no second task. `more`: what else `POST /v1/tasks` takes, such as `delay_s`.
        `traceparent`: the trace that it is asked for in."""
        body = {"task_type": task_type, "payload": payload, **more}
        task: Task = self.request("POST", "/v1/tasks", body, key=key or f"py-{uuid.uuid4()}", traceparent=traceparent)
        return task

    def task(self, id: str) -> Task:
        """One task."""
        task: Task = self.request("GET", f"/v1/tasks/{quote(id)}")
        return task

    def tasks(self, **filters: str) -> Iterator[Task]:
        """Each task of a list, page by page: `queue=`, `status=`, `type=`, `user_id=`, …"""
        cursor: str | None = None
        while True:
            page = self.request("GET", f"/v1/tasks?{urlencode(filters | ({'cursor': cursor} if cursor else {}))}")
            yield from page["items"]
            if (cursor := page["cursor"]) is None:
                return

    def cancel(self, id: str, reason: str | None = None) -> Task:
        """Calls a task off."""
        return self._act(id, "cancel", {"reason": reason} if reason else {})

    def retry(self, id: str, note: str | None = None) -> Task:
        """Sets a failed, cancelled or blocked task going again; `note` is a word to whoever does it."""
        return self._act(id, "retry", {"note": note} if note else {})

    def wait(self, id: str, timeout_s: float = 60, every_s: float = 0.2) -> Task:
        """The task once it has ended; `TimeoutError` if it does not in time."""
        until = time.monotonic() + timeout_s
        while (task := self.task(id))["status"] in ("pending", "running"):
            if time.monotonic() > until:
                raise TimeoutError(f"task {id} is still {task['status']}")
            time.sleep(every_s)
        return task

    def put_type(self, name: str, run: Json = None, **more: Json) -> Json:
        """Makes a task type, or changes it: one that workers do, unless `run` says otherwise."""
        return self.request("PUT", f"/v1/task-types/{quote(name)}", {"run": run or {"kind": "worker"}, **more})

    def _act(self, id: str, act: str, body: Json) -> Task:
        task: Task = self.request("POST", f"/v1/tasks/{quote(id)}/{act}", body, key=f"py-{uuid.uuid4()}")
        return task


def _error(answered: HTTPError) -> ApiError:
    try:
        said = json.load(answered)["error"]
    except (ValueError, KeyError, TypeError, OSError):
        said = {"code": "unreadable", "message": answered.reason}
    after = answered.headers.get("retry-after")
    wait = float(after) if after and after.isdecimal() else None
    return ApiError(answered.code, said.get("code", ""), said.get("message", ""), said.get("field"), wait)
