#!/usr/bin/env python3
"""A task that makes 2,000 and waits for them, while its server is killed ten times: that each is run to its one end, and the
task that waits is started once.

    cargo build --release && python3 tests/kill_groups.py target/release/errand

Prints what happened, and how long it took from the last end to the start of who waited.
"""

import argparse
import collections
import datetime
import random
import sys
import tempfile
import time

from killed_server import Client, Server

ARGUMENTS = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ARGUMENTS.add_argument("server", help="the program `errand`")
ARGUMENTS.add_argument("--members", type=int, default=2000)
ARGUMENTS.add_argument("--kills", type=int, default=10)


def main(program: str, members: int, kills: int) -> None:
    with tempfile.TemporaryDirectory() as data:
        server = Server(program, data)
        try:
            judge(server, members, kills)
        finally:
            server.kill()


def judge(server: Server, members: int, kills: int) -> None:
    member = {"acts": [{"sleep": 3000}], "mark": "member"}
    payload = {"acts": [{"fan_out": members}], "member": member, "mark": "parent"}
    asked = {"task_type": "scripted", "payload": payload, "timeout_s": 60, "idempotency_key": "parent"}
    started, left = time.monotonic(), kills
    parent = server.client.request("POST", "/v1/tasks", asked)["id"]
    while (task := server.client.request("GET", f"/v1/tasks/{parent}"))["status"] != "completed":
        assert task["status"] in ("pending", "running", "waiting"), task
        if left > 0:
            time.sleep(random.uniform(0.2, 1.2))
            server.kill()
            server.start()
            left -= 1
        print(f"\r{task['status']}, killed {kills - left} times, {time.monotonic() - started:.0f} s", end="",
              file=sys.stderr, flush=True)
        time.sleep(0.2)
    print(file=sys.stderr)
    assert task["output"] == {"group": "completed", "total": members, "failed": 0}, task
    rows = every(server.client, f"/v1/tasks/{parent}/log")
    outcomes = collections.Counter(row["outcome"] for row in rows)
    assert outcomes["waited"] == 1 and outcomes["completed"] == 1, rows
    group = next(row for row in every(server.client, f"/v1/tasks?parent_id={parent}&status=all"))["member_of"][0]["group"]
    ended = every(server.client, f"/v1/groups/{group}/tasks")
    executions = sum(item["task"]["executions"] for item in ended)
    assert [item["task"]["status"] for item in ended] == ["completed"] * members
    marks = {of: len(every(server.client, f"/v1/records/scripted?parent={of}")) for of in ("member", "parent")}
    assert marks == {"member": members, "parent": 1}, marks
    at = datetime.datetime.fromisoformat
    last = max(at(item["task"]["ended_at"]) for item in ended)
    waited = (at(task["last_attempted_at"]) - last).total_seconds()
    print(f"{members} members ended once, in {executions} executions; who waited was started once, {waited:.3f} s after "
          f"the last end: {kills - left} times killed, {time.monotonic() - started:.0f} s")


def every(client: Client, path: str) -> list:
    """All items of a list, page by page."""
    items, cursor = [], None
    while True:
        page = client.request("GET", path + ("&" if "?" in path else "?") + "limit=100" + (f"&cursor={cursor}" if cursor else ""))
        items += page["items"]
        cursor = page["cursor"]
        if cursor is None:
            return items


if __name__ == "__main__":
    given = ARGUMENTS.parse_args()
    main(given.server, given.members, given.kills)
