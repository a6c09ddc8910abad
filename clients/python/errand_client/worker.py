"""A worker: takes tasks, does them in threads, keeps them alive, and says how they ended."""

from __future__ import annotations

import logging
import os
import queue
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .client import ApiError, Client, Unreachable
from .outcome import Context, Handler, run

Json = Any
log = logging.getLogger("errand")

#: The most tasks in one request.
BATCH = 50


class Worker:
    """Does up to `capacity` tasks at a time, each in a thread.

    >>> worker = Worker()
    >>> @worker.task("resize")
    ... def resize(task): return {"width": task.payload["width"] // 2}
    >>> worker.run()  # doctest: +SKIP
    """

    def __init__(
        self, client: Client | None = None, *, capacity: int = 10, pool: str | None = None, lease_s: int = 60,
        wait_s: int = 20, grace_s: float = 30, worker_id: str | None = None,
    ) -> None:
        self.client = client or Client()
        self.capacity, self.pool, self.lease_s = capacity, pool, lease_s
        self.wait_s, self.grace_s = wait_s, grace_s
        self.id = worker_id or f"{socket.gethostname()[:40]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._handlers: dict[str, Handler] = {}
        self._held: dict[str, tuple[Context, str]] = {}
        self._ended: queue.SimpleQueue[dict[str, Json] | None] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._stop = threading.Event()

    def task(self, task_type: str) -> Callable[[Handler], Handler]:
        """The handler of a task type: it is given a `Context` and returns the output, or raises how else it ended."""

        def add(handler: Handler) -> Handler:
            self._handlers[task_type] = handler
            return handler

        return add

    def stop(self) -> None:
        """Takes no more tasks; `run` returns once those in hand have ended."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()

    def run(self) -> None:
        """Works until `stop`, SIGTERM or SIGINT. What has not ended `grace_s` seconds later is left to another worker."""
        if threading.current_thread() is threading.main_thread():
            for sign in (signal.SIGTERM, signal.SIGINT):
                signal.signal(sign, lambda *_: self.stop())
        done = threading.Event()
        finisher = threading.Thread(target=self._finish, daemon=True)
        heart = threading.Thread(target=self._beat, args=(done,), daemon=True)
        finisher.start()
        heart.start()
        threads = ThreadPoolExecutor(self.capacity)
        try:
            self._claim(threads)
            self._drain()
        finally:
            for context, _ in list(self._held.values()):
                context.cancelled.set()
            threads.shutdown(wait=False, cancel_futures=True)
            self._ended.put(None)
            finisher.join(self.grace_s)
            done.set()

    def _claim(self, threads: ThreadPoolExecutor) -> None:
        idle = 0
        while not self._stop.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._stop.is_set() or len(self._held) < self.capacity)
                room = self.capacity - len(self._held)
            if self._stop.is_set():
                return
            body = {"worker_id": self.id, "task_types": sorted(self._handlers), "max": min(room, BATCH), "idle": idle,
                    "wait_s": self.wait_s, "lease_s": self.lease_s, **({"pool": self.pool} if self.pool else {})}
            try:
                # The same key however often it is said: an answer that is lost loses no task.
                given = self.client.request("POST", "/v1/claims", body, key=f"claim-{uuid.uuid4()}",
                                            timeout_s=self.wait_s + 10)
            except (ApiError, Unreachable) as error:
                if isinstance(error, ApiError) and error.status < 500 and error.status != 429:
                    raise
                log.warning("nothing was claimed: %s", error)
                self._stop.wait(2)
                continue
            idle = 0 if given["items"] else idle + 1
            for item in given["items"]:
                self._take(threads, item)
            if given["state"] == "drain":
                return
            if not given["items"]:
                self._stop.wait(given["poll_after_s"])

    def _take(self, threads: ThreadPoolExecutor, item: Json) -> None:
        id, token = item["task_id"], item["lease_token"]
        context = Context(id, item["task_type"], item["payload"], item["attempt"], item["idempotency_key"],
                          item.get("redrive_note"), item.get("details"), item.get("traceparent"))
        if self._stop.is_set():
            self._ended.put({"task_id": id, "lease_token": token, "status": "released"})
            return
        with self._changed:
            self._held[token] = (context, id)
        threads.submit(self._work, context, id, token)

    def _work(self, context: Context, id: str, token: str) -> None:
        ended = run(self._handlers[context.task_type], context)
        with self._changed:
            self._held.pop(token, None)
            self._changed.notify_all()
        if not context.cancelled.is_set():
            self._ended.put({"task_id": id, "lease_token": token, **ended})

    def _finish(self) -> None:
        last = False
        while not last:
            items = [self._ended.get()]
            while len(items) < BATCH and items[-1] is not None:
                try:
                    items.append(self._ended.get_nowait())
                except queue.Empty:
                    break
            last = items[-1] is None
            if ends := [item for item in items if item is not None]:
                self._say(ends)

    def _say(self, ends: list[dict[str, Json]]) -> None:
        try:
            # Said again it is answered again.
            said = self.client.request("POST", "/v1/claims/finish", {"items": ends}, repeatable=True)
        except (ApiError, Unreachable) as error:
            log.error("%d ended tasks were not told; another worker will do them again: %s", len(ends), error)
            return
        for end, item in zip(ends, said["items"]):
            if item["status"] >= 400:
                log.warning("the end of task %s was not taken: %s", end["task_id"], item["error"]["message"])

    def _beat(self, done: threading.Event) -> None:
        while not done.wait(self.lease_s / 3):
            held = list(self._held.items())
            for some in (held[at:at + 100] for at in range(0, len(held), 100)):
                leases = [{"task_id": id, "lease_token": token} for token, (_, id) in some]
                body = {"worker_id": self.id, "leases": leases, "lease_s": self.lease_s}
                try:
                    news = self.client.request("POST", "/v1/claims/heartbeat", body, repeatable=True)
                except (ApiError, Unreachable) as error:
                    log.warning("the heartbeat was not heard: %s", error)
                    continue
                for (_, (context, _)), item in zip(some, news["items"]):
                    if item.get("lost"):
                        context.cancelled.set()

    def _drain(self) -> None:
        until = time.monotonic() + self.grace_s
        with self._changed:
            self._changed.wait_for(lambda: not self._held, timeout=max(0, until - time.monotonic()))
