#!/usr/bin/env python3
"""Eight workers over 2,000 tasks, one of them killed each second: that each task ends once, and what came with its end.

    cargo build --release && python3 tests/kill_workers.py target/release/errand

takes some minutes, most of them waiting for the last leases to end. Prints what happened.
"""

import argparse
import collections
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients/python"))

from errand_client import Client, Context, Worker  # noqa: E402

ARGUMENTS = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ARGUMENTS.add_argument("server", help="the program `errand`, or with --worker the URL of a server")
ARGUMENTS.add_argument("--tasks", type=int, default=2000)
ARGUMENTS.add_argument("--workers", type=int, default=8)
ARGUMENTS.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)


def work(url: str) -> None:
    """One of the workers. What it does is long enough to be met in the middle."""
    worker = Worker(Client(url), capacity=4, lease_s=10)

    @worker.task("count")
    def count(task: Context) -> int:
        time.sleep(random.uniform(0.2, 0.8))
        task.event("counted", {"n": task.payload["n"]})
        task.follow_up("after", {"n": task.payload["n"]})
        return task.payload["n"]

    worker.run()


def main(server: str, tasks: int, workers: int) -> None:
    with tempfile.TemporaryDirectory() as data:
        command = [server, "--port", "0", "--data", data, "--max-losses", "1000"]
        running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            assert running.stderr is not None
            url = next(word for line in running.stderr for word in line.split() if word.startswith("http://"))
            # So that it is not held up by what it has to say.
            threading.Thread(target=collections.deque, args=(running.stderr, 0), daemon=True).start()
            judge(Client(url), url, tasks, workers)
        finally:
            running.kill()
            running.wait()


def judge(client: Client, url: str, tasks: int, workers: int) -> None:
    client.put_type("after")
    client.put_type("count", may_enqueue=["after"])
    for first in range(0, tasks, 100):
        batch = [{"task_type": "count", "payload": {"n": n}} for n in range(first, min(first + 100, tasks))]
        client.request("POST", "/v1/tasks/batch", {"tasks": batch}, key=f"b{first}")
    start = lambda: subprocess.Popen([sys.executable, __file__, "--worker", url], stderr=subprocess.DEVNULL)
    alive, kills, started = [start() for _ in range(workers)], 0, time.monotonic()
    while (left := open_tasks(client)) > 0:
        if left > workers * 8:
            alive.pop(random.randrange(workers)).kill()
            alive.append(start())
            kills += 1
        print(f"\r{tasks - left} of {tasks} ended, {kills} workers killed", end="", file=sys.stderr, flush=True)
        time.sleep(1)
    print(file=sys.stderr)
    for worker in alive:
        worker.kill()

    ended = [task for task in every(client, "/v1/tasks?status=completed&type=count") if task["task_type"] == "count"]
    assert sorted(task["output"] for task in ended) == list(range(tasks)), len(ended)
    rows = collections.Counter()
    for task in ended:
        outcomes = collections.Counter(row["outcome"] for row in every(client, f"/v1/tasks/{task['id']}/log"))
        assert outcomes["completed"] == 1, (task["id"], outcomes)
        assert sum(outcomes.values()) == task["executions"], (task, outcomes)
        rows += outcomes
    heard = collections.Counter(event["data"]["n"] for event in every(client, "/v1/events?types=counted", by="after"))
    assert heard == dict.fromkeys(range(tasks), 1), "an event was lost, or came twice"
    followed = collections.Counter(task["payload"]["n"] for task in every(client, "/v1/tasks?status=pending&type=after"))
    assert followed == dict.fromkeys(range(tasks), 1), "a task that follows was lost, or made twice"
    print(f"{tasks} tasks ended once, each with its event and the task that follows: {kills} workers killed, "
          f"{rows.total()} executions {dict(rows)}, {time.monotonic() - started:.0f} s")


def open_tasks(client: Client) -> int:
    by_type = client.request("GET", "/v1/queues/default/stats")["types"]["count"]
    return by_type["pending"] + by_type["running"]


def every(client: Client, path: str, by: str = "cursor") -> list:
    """All items of a list, page by page."""
    items, cursor = [], None
    while True:
        page = client.request("GET", path + ("&" if "?" in path else "?") + "limit=100" + (f"&{by}={cursor}" if cursor else ""))
        items += page["items"]
        if page["cursor"] in (None, cursor):
            return items
        cursor = page["cursor"]


if __name__ == "__main__":
    asked = ARGUMENTS.parse_args()
    work(asked.server) if asked.worker else main(asked.server, asked.tasks, asked.workers)
