"""What the clock and the poller's schedule bring about."""

import time
from datetime import datetime, timedelta, timezone

from errand import HANGS_S, Errand, eventually
from losses import ASKED, LOOKED_AT_S, LOST
from processes import functions, kill


def a_deferred_task_starts_at_its_time_and_never_before(errand: Errand):
    acme = errand.tenant("deferred")
    at = datetime.now(timezone.utc) + timedelta(seconds=20)
    tasks = [acme.enqueue({}, scheduled_for=at.isoformat()), acme.enqueue({}, delay_s=5)]
    for task in tasks:
        done = acme.completed(task)
        started, meant = moment(done["last_attempted_at"]), moment(done["scheduled_for"])
        # By its message: if that were lost, a poll would look at it after so long.
        assert timedelta() <= started - meant < timedelta(seconds=LOOKED_AT_S), (started, meant)


def a_task_far_off_waits_in_the_table_without_a_message(errand: Errand):
    acme = errand.tenant("far-off")
    # The queue of the long ones is as good as empty, so that a message more would show.
    before = errand.depth("Long")[2]
    # For longer than a message can be delayed and a poll looks ahead.
    task = acme.enqueue({}, delay_s=1200, timeout_s=70)
    assert errand.depth("Long")[2] == before
    near = (datetime.now(timezone.utc) + timedelta(seconds=3)).isoformat()
    acme.act(task, "reschedule", {"run_at": near})
    acme.completed(task)


def a_poll_that_is_asked_for_does_what_the_poller_does(errand: Errand):
    """It notices lost messages, expires what waited too long, tells what the relay could not."""
    for tenant in ASKED:
        lost, acme = errand.lost[tenant], errand.tenant(tenant)
        time.sleep(max(0, lost["due"] - 1 - time.monotonic()))
        poll = lambda: acme.post("/v1/poll", {})["complete"]
        tasks = [*lost["late"], lost["too late"]]
        there = lambda: all(acme.task(task)["status"] != "pending" for task in tasks) and told(errand, tenant, lost)
        eventually(lambda: poll() and there(), bool, every_s=0.3)
        seen_to(errand, tenant)


def what_was_lost_is_noticed_by_the_schedule(errand: Errand):
    """On any queue. What sends another message is the poller, which EventBridge Scheduler starts every minute."""
    seen_to(errand, "lost", within_s=LOST["lost"] + LOOKED_AT_S + 60 + HANGS_S)


def seen_to(errand: Errand, tenant: str, within_s: float = HANGS_S):
    """What was lost of a tenant is made good: run, or failed with a dead letter, and told."""
    acme, lost = errand.tenant(tenant), errand.lost[tenant]
    for task in lost["late"]:
        done = acme.completed(task, within_s)
        late = moment(done["last_attempted_at"]) - moment(done["scheduled_for"])
        assert timedelta(seconds=100) < late, f"by a message, {late} after its time"
    failed = acme.ended(lost["too late"], within_s)
    assert (failed["status"], failed["failure"]["kind"], failed["executions"]) == ("failed", "expired", 0), failed
    assert acme.get("/v1/records/scripted?parent=m.ended")["count"] == 1, "what ends with the task did not"
    errand.letters("DeadLetter", lost["too late"])
    eventually(lambda: told(errand, tenant, lost), bool, within_s)
    run = eventually(lambda: acme.get(f"/v1/runs/{lost['run']}"), lambda run: run["terminal_status"], within_s)
    assert (run["status"], run["failure"]["kind"]) == ("failed", "expired"), run


def told(errand: Errand, tenant: str, lost: dict) -> bool:
    """Whether the bus has heard that the task ended, and what it published."""
    kinds = {kind for kind, detail in errand.bus.of_tenant(tenant) if detail["subject"] == lost["told"]}
    return kinds == {"task.completed", "thing.happened"}


def a_killed_worker_costs_an_execution_and_no_failure(errand: Errand):
    """On the function for long tasks, once nobody else's are on its queue."""
    acme = errand.tenant("killed")
    task = acme.enqueue({"acts": ["hang", "complete"], "mark": "m"}, timeout_s=61)
    eventually(lambda: acme.task(task), lambda it: it["status"] == "running", every_s=0.2)
    eventually(lambda: errand.depth("Long"), lambda depth: depth == (0, 1, 0))
    killed = [kill(process) for process in functions(errand.stack_pid, "errand-process-task-long")]
    assert any(killed)
    # Looked at two minutes after it was due, at the next poll.
    done = acme.completed(task, within_s=LOOKED_AT_S + 60 + HANGS_S)
    assert (done["executions"], done["losses"], done["failures"]) == (2, 1, 0), done
    assert acme.log(task) == [("execution", "lost"), ("execution", "completed")]
    assert acme.get("/v1/records/scripted?parent=m")["count"] == 1


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
