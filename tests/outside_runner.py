"""A worker outside: takes one run over HTTP, does what it is told, reports it. The standard library alone.

    python3 outside_runner.py http://127.0.0.1:8787 [token]

It claims the first run that waits, appends events, looks for commands at every heartbeat, and ends it. A `steer` becomes part of the answer, an `interrupt` ends the work, a `turn` is a further line. Whoever has
lost its lease is told 409 `lease_conflict` by every write, and stops.
"""

import json
import sys
import time
import urllib.error
import urllib.request
import uuid

BASE = sys.argv[1].rstrip("/")
TOKEN = sys.argv[2] if len(sys.argv) > 2 else None
WORKER = "outside-worker"
LEASE_S = 10
HEARTBEAT_S = 0.2  # in a hurry for its steering
PATIENCE_S = 60


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status, error):
        super().__init__(f"{status} {error['code']}: {error['message']}")
        self.status, self.code = status, error["code"]


def call(method, path, body=None, key=None):
    """Asks the API; what was not answered is asked again, which its key makes safe."""
    headers = {"Content-Type": "application/json"}
    if TOKEN:
        headers["Authorization"] = f"Bearer {TOKEN}"
    if key:
        headers["Idempotency-Key"] = key
    data = None if body is None else json.dumps(body).encode()
    for attempt in range(5):
        request = urllib.request.Request(BASE + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 429:
                raise Refused(error.code, json.load(error)["error"]) from None
        except OSError:
            pass
        time.sleep(0.1 * 2**attempt)
    raise SystemExit(f"{method} {path} is not answered")


def claim():
    """The first run of the default profile that waits, once there is one."""
    body = {"worker_id": WORKER, "task_types": ["run_outside"], "pool": "default", "wait_s": 5, "lease_s": LEASE_S}
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        given = call("POST", "/v1/claims", body, key=str(uuid.uuid4()))
        if given["items"]:
            return given["items"][0]
        time.sleep(given["poll_after_s"])
    raise SystemExit("no run waits")


def work(claimed):
    """Works until it is steered or interrupted, and answers with the lines of its result."""
    run, lease = claimed["details"]["run_id"], {"lease_token": claimed["lease_token"]}
    beat = {"worker_id": WORKER, "leases": [{"task_id": claimed["task_id"], **lease}], "lease_s": LEASE_S}
    lines, after_seq = [f"I was asked: {claimed['payload']['prompt']}"], "0"

    def append(*events):
        call("POST", f"/v1/runs/{run}/events", {**lease, "events": events}, key=str(uuid.uuid4()))

    append({"type": "assistant_message", "payload": {"text": lines[0]}},
           {"type": "tool_call", "payload": {"tool": "shell", "input": {"command": "uname"}, "output": sys.platform}})
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        (news,) = call("POST", "/v1/claims/heartbeat", beat)["items"]
        if news.get("lost"):
            return None  # it was called off, or is another's; there is nothing left to end
        page = call("GET", f"/v1/runs/{run}/commands?after_seq={after_seq}")
        after_seq = page["cursor"]
        for command in page["items"]:
            if command["status"] != "pending":
                continue  # of another worker before us
            call("POST", f"/v1/commands/{command['id']}/ack", lease)
            lines.append(f"{command['kind']}: {command['payload'].get('prompt', '')}")
            append({"type": "assistant_message", "payload": {"text": lines[-1]}})
            call("POST", f"/v1/commands/{command['id']}/finish", {**lease, "status": "completed"})
        if len(lines) > 1:
            return lines
        time.sleep(HEARTBEAT_S)
    return lines


def main():
    claimed = claim()
    try:
        lines = work(claimed)
        if lines is not None:
            end = {"lease_token": claimed["lease_token"], "status": "completed", "output": {"result": "\n".join(lines)}}
            call("POST", f"/v1/tasks/{claimed['task_id']}/finish", end)
    except Refused as refused:
        if refused.code != "lease_conflict":
            raise
        raise SystemExit("the lease was lost: another worker has the run") from None


main()
