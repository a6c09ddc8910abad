#!/usr/bin/env python3
"""Erases a user of 100,000 tasks while the server is killed three times: that nothing of the user is left, in any file.

    cargo build --release && python3 tests/kill_erasure.py target/release/errand

Prints what happened, how long it took, and how much larger the files were than afterwards. With one kill it takes half a minute,
with three six: after each lost worker it is waited longer.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from killed_server import Server

ARGUMENTS = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ARGUMENTS.add_argument("server", help="the program `errand`")
ARGUMENTS.add_argument("--tasks", type=int, default=100_000)
ARGUMENTS.add_argument("--kills", type=int, default=3)

# Whose tasks are erased and whose are not; and what stands in all that is hers.
ADA, BOB, MARKER = "ada-lovelace", "bob", "Zauberwort-7"

# Of a hundred tasks so many wait for a day; the others are done at once, one of them badly.
WAITING = 20


def main(program: str, tasks: int, kills: int) -> None:
    with tempfile.TemporaryDirectory() as data:
        server = Server(program, data)
        try:
            judge(server, Path(data), tasks, kills)
        finally:
            server.kill()


def judge(server: Server, data: Path, tasks: int, kills: int) -> None:
    began = time.monotonic()
    for first in range(0, tasks, 100):
        asked = [task_of(ADA, MARKER, nth) for nth in range(min(100, tasks - first))]
        server.client.request("POST", "/v1/tasks/batch", {"tasks": asked})
    for _ in range(100):
        server.client.request("POST", "/v1/tasks", task_of(BOB, "something", 99))
    while count(server, "running") > 0 or count(server, "pending") > waiting_of(tasks):
        time.sleep(0.2)
    made, before = time.monotonic() - began, sum(found(data, text) for text in (MARKER, ADA))
    assert before >= 2 * tasks, f"{before} places name the user before"

    began = time.monotonic()
    task = server.client.request("DELETE", f"/v1/users/{ADA}")["id"]
    # Anywhere: what is left of the pending tasks says how far it has come, since the newest of each hundred wait.
    for kill in range(1, kills + 1):
        left = waiting_of(tasks) * (kills + 1 - kill) // (kills + 1)
        while count(server, "pending") > left:
            time.sleep(0.05)
        server.kill()
        server.start()
        print(f"killed with {count(server, 'pending')} of its open tasks left, after {time.monotonic() - began:.1f} s",
              file=sys.stderr, flush=True)
    while "ended_at" not in (ended := server.client.request("GET", f"/v1/tasks/{task}")):
        assert ended["status"] in ("pending", "running"), ended
        time.sleep(0.2)
    took = time.monotonic() - began

    assert ended["status"] == "completed", ended
    receipt = ended["output"]
    assert ADA not in str(ended) and set(receipt) == {"user", "removed"}, ended
    left = {text: found(data, text) for text in (MARKER, ADA)}
    assert not any(left.values()), left
    assert server.client.request("GET", f"/v1/tasks?user_id={ADA}")["count"] == 0
    assert server.client.request("GET", f"/v1/tasks?user_id={BOB}&limit=100")["count"] == 100
    again = finished(server, server.client.request("DELETE", f"/v1/users/{ADA}")["id"])
    assert again["output"] == {"user": receipt["user"], "removed": {}}, again
    counted = receipt["removed"].get("task", 0)
    size = sum(file.stat().st_size for file in data.glob("errand.db*"))
    print(f"{tasks} tasks, made in {made:.0f} s, were erased in {took:.1f} s, {tasks / took:,.0f} a second, with the server "
          f"killed {kills} times; the receipt counts {counted}; {before} places in the files named the user before, none "
          f"afterwards ({size / 1e6:.0f} MB)")


def task_of(user: str, said: str, nth: int) -> dict:
    task = {"task_type": "scripted", "user_id": user, "max_retries": 0, "payload": {"ballast": said}}
    if nth < WAITING:
        return {**task, "delay_s": 86_400}
    if nth == WAITING:
        task["payload"] = {"ballast": said, "acts": [{"fail_for_good": said}]}
    return task


def waiting_of(tasks: int) -> int:
    return tasks // 100 * WAITING + min(tasks % 100, WAITING)


def count(server: Server, status: str) -> int:
    """How many tasks of the queue `default` are so; nobody's but the user's wait."""
    return server.client.request("GET", "/v1/queues/default/stats")[status]


def finished(server: Server, task: str) -> dict:
    while "ended_at" not in (ended := server.client.request("GET", f"/v1/tasks/{task}")):
        time.sleep(0.2)
    return ended


def found(data: Path, text: str) -> int:
    """How often it stands in the files of the database, whatever their pages say."""
    return sum(file.read_bytes().count(text.encode()) for file in data.glob("errand.db*"))


if __name__ == "__main__":
    given = ARGUMENTS.parse_args()
    main(given.server, given.tasks, given.kills)
