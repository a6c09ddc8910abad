"""What the deployed functions need, and that they keep their promises in numbers. Each prints what it measured. Time is
printed and not judged: it is the machine's, and that of whatever else it does."""

import json
import os
import random
import threading
import time
from collections.abc import Callable

from deploy import STACK
from errand import Errand, Tenant, eventually
from journeys.update import count
from processes import Process, cpu_s, functions, kill, peak_mb

TASKS = 2000

# Each has its own credit: what was applied twice shows in their sums.
USERS = 20

# Per task and function process, of a release build: what is aimed at.
AIM_CPU_MS, AIM_MB = 0.6, 25

UNREADABLE = "tea, please"

# How long functions are killed for, at the least.
KILLING_S = 60


def cost(errand: Errand) -> str:
    """Two thousand tasks: what `process-task` takes for each, from /proc. Each is run once, in the memory there is."""
    acme = errand.tenant("cost")
    before = {process: cpu_s(process) for process in workers(errand)}
    started = time.monotonic()
    enqueue_all(acme, lambda number: {"payload": {}})
    eventually(acme.has_open, lambda has: not has, within_s=600)
    took = time.monotonic() - started
    after = {process: cpu_s(process) for process in workers(errand)}
    own_ms, kernel_ms = (
        sum(used[of] - before.get(process, (0, 0))[of] for process, used in after.items()) / TASKS * 1000
        for of in (0, 1)
    )
    cpu_ms = own_ms + kernel_ms
    peak = max(peak_mb(process) for process in workers(errand))
    done = count(acme, "/v1/tasks?status=completed")
    assert len(done) == TASKS and all(task["executions"] == 1 for task in done), len(done)
    assert peak < errand.function("process-task")["MemorySize"], peak
    return (
        f"{TASKS} tasks in {took:.0f} s by {len(after)} processes of process-task, "
        f"{cpu_ms:.2f} ms of processor time a task (aim {AIM_CPU_MS}; {kernel_ms:.2f} in the kernel), "
        f"{peak:.1f} MB resident (aim {AIM_MB}), at a load of {os.getloadavg()[0]:.0f}"
    )


def kills(errand: Errand) -> str:
    """Two thousand tasks, and a process of some function killed each second."""
    acme, stop, killed = errand.tenant("kills"), threading.Event(), []
    users(acme)

    def killer():
        while not stop.wait(1):
            running = functions(errand.stack_pid)  # of any age, even one that has just begun
            killed.extend(one.function for one in random.sample(running, min(1, len(running))) if kill(one))

    thread = threading.Thread(target=killer, daemon=True)
    thread.start()
    started = time.monotonic()
    # As a service does that does not take an error for an answer: again, under the same key.
    payload = {"acts": [{"sleep": 100}], "mark": "m", "credit": 3}
    enqueue_all(acme, lambda number: {"payload": payload, "user_id": f"u{number % USERS}", "timeout_s": 5})
    stop.wait(max(0.0, KILLING_S - (time.monotonic() - started)))
    stop.set()
    thread.join()
    at_work = killed.count(f"{STACK}-process-task")
    assert at_work, "none that runs tasks was killed"
    return f"{len(killed)} processes killed in {time.monotonic() - started:.0f} s, {at_work} of them of process-task"


def nothing_killed_was_lost(errand: Errand):
    """Of what `kills` met nothing was lost, and nothing was done twice. To be taken some time after it: what was lost is
    looked at two minutes after its time."""
    acme = errand.tenant("kills")
    eventually(acme.has_open, lambda has: not has, within_s=600, every_s=2)
    assert acme.get("/v1/tasks?status=failed")["count"] == 0
    marks = count(acme, "/v1/records/scripted?parent=m")
    assert len(marks) == TASKS, len(marks)
    for user in range(USERS):
        credits = acme.get(f"/v1/records/user/u{user}")["credits"]
        assert credits == 3 * TASKS // USERS, (user, credits)


def unreadable(errand: Errand) -> str:
    """A thousand messages that nothing can read, on a work queue, with a task behind each twenty: what each task waits
    for. All are among the dead letters in the end, with the reason."""
    acme, url, done = errand.tenant("unreadable"), errand.queue("Low"), []
    for _ in range(50):
        for _ in range(2):
            entries = [{"Id": str(n), "MessageBody": UNREADABLE} for n in range(10)]
            assert not errand.operator.sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")
        done.append(acme.completed(acme.enqueue({}, priority="low")))
    # Each look reads the whole log: seldom, and long, for the stack that is asked is what puts them aside, too.
    bad = eventually(lambda: complaints(errand), lambda bad: len(bad) >= 1000, within_s=600, every_s=5)
    behind = [sum(task["created_at"] < at < task["last_attempted_at"] for at in bad) for task in done]
    assert max(behind) <= 20 and all(task["executions"] == 1 for task in done), behind
    eventually(lambda: errand.depth("Low"), lambda depth: depth[:2] == (0, 0))  # others' are delayed
    letters = errand.letters("DeadLetter", UNREADABLE, 1000, within_s=300)
    reasons = {letter["MessageAttributes"]["error_message"]["StringValue"] for letter in letters}
    assert len(letters) == 1000 and all(reason.startswith("not JSON: ") for reason in reasons), (len(letters), reasons)
    return (
        f"each of {len(done)} tasks among 1000 of them was done behind at most {max(behind)} (two batches: 20); "
        "all 1000 are dead letters"
    )


def complaints(errand: Errand) -> list[str]:
    """When process-task said that it put a message aside, from its log."""
    group, pages = f"/aws/lambda/{STACK}-process-task", errand.root.logs.get_paginator("filter_log_events")
    events = [event["message"] for page in pages.paginate(logGroupName=group) for event in page["events"]]
    lines = [json.loads(line) for event in events for line in event.splitlines() if "names no task" in line]
    return [line["timestamp"] for line in lines]


def workers(errand: Errand) -> list[Process]:
    return functions(errand.stack_pid, f"{STACK}-process-task")


def users(acme: Tenant):
    for user in range(USERS):
        assert acme.call("PUT", f"/v1/records/user/u{user}", {})[0] == 201


def enqueue_all(acme: Tenant, request: Callable[[int], dict]):
    """In batches of a hundred, each until it is taken whole. `request`: what is asked for, by its number."""
    for batch in range(0, TASKS, 100):
        tasks = [
            {"task_type": "scripted", "idempotency_key": f"{acme.name}-{n}", **request(n)}
            for n in range(batch, batch + 100)
        ]
        taken = lambda got: got[0] == 200 and all(item["status"] in (200, 201) for item in got[1]["items"])
        eventually(lambda: acme.call("POST", "/v1/tasks/batch", {"tasks": tasks}), taken, within_s=300)
