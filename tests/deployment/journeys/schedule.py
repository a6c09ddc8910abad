"""What the clock and the poller's schedule bring about."""

from datetime import datetime, timedelta, timezone

from accounts import Clients
from errand import Errand, eventually
from processes import functions, kill


def a_deferred_task_starts_at_its_time_and_never_before(errand: Errand):
    acme = errand.tenant("deferred")
    at = datetime.now(timezone.utc) + timedelta(seconds=20)
    tasks = [acme.enqueue({}, scheduled_for=at.isoformat()), acme.enqueue({}, delay_s=5)]
    for task in tasks:
        done = acme.completed(task)
        started, meant = moment(done["last_attempted_at"]), moment(done["scheduled_for"])
        assert timedelta() <= started - meant < timedelta(seconds=5), (started, meant)


def a_task_far_off_waits_in_the_table_without_a_message(errand: Errand):
    acme = errand.tenant("far-off")
    # The queue of the long ones is as good as empty, so that a message more would show.
    before = errand.depth("Long")[2]
    task = acme.enqueue({}, delay_s=901, timeout_s=70)
    assert errand.depth("Long")[2] == before
    near = (datetime.now(timezone.utc) + timedelta(seconds=3)).isoformat()
    acme.act(task, "reschedule", {"run_at": near})
    acme.completed(task)


def lose(operator: Clients, errand: Errand) -> dict[str, list[str]]:
    """Enqueues tasks and deletes their messages before their time. Before any journey: it empties every work queue."""
    acme = errand.tenant("lost")
    at = lambda seconds: (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat()
    each = [{"priority": "urgent"}, {"priority": "high"}, {}, {"priority": "low"}, {"timeout_s": 70}]
    late = [acme.enqueue({}, scheduled_for=at(10), **on) for on in each]
    too_late = [acme.enqueue({"mark": "m"}, scheduled_for=at(10), expires_at=at(11))]
    for queue in ("Urgent", "High", "Medium", "Low", "Long"):
        operator.sqs.purge_queue(QueueUrl=errand.queue(queue))
    return {"late": late, "too late": too_late}


def a_task_whose_message_was_lost_is_noticed_by_the_schedule(errand: Errand):
    """On any queue. What sends another message is the poller, which EventBridge Scheduler starts every minute."""
    for task in errand.lost["late"]:
        done = errand.tenant("lost").completed(task, within_s=10 + 120 + 60 + 30)
        late = moment(done["last_attempted_at"]) - moment(done["scheduled_for"])
        assert timedelta(seconds=100) < late < timedelta(seconds=195), late


def a_task_that_waited_too_long_expires_with_a_dead_letter(errand: Errand):
    acme, (task,) = errand.tenant("lost"), errand.lost["too late"]
    failed = acme.ended(task, within_s=90)
    assert (failed["status"], failed["failure"]["kind"], failed["executions"]) == ("failed", "expired", 0), failed
    assert acme.get("/v1/records/scripted?parent=m.ended")["count"] == 1, "what ends with the task did not"
    errand.letters("DeadLetter", task)


def a_killed_worker_costs_an_execution_and_no_failure(errand: Errand):
    """On the function for long tasks, once nobody else's are on its queue."""
    acme = errand.tenant("killed")
    task = acme.enqueue({"acts": ["hang", "complete"], "mark": "m"}, timeout_s=61)
    eventually(lambda: acme.task(task), lambda it: it["status"] == "running", every_s=0.2)
    eventually(lambda: errand.depth("Long"), lambda depth: depth == (0, 1, 0))
    killed = [kill(process) for process in functions(errand.stack_pid, "errand-process-task-long")]
    assert any(killed)
    # Looked at two minutes after it was due, at the next poll.
    done = acme.completed(task, within_s=120 + 60 + 30)
    assert (done["executions"], done["losses"], done["failures"]) == (2, 1, 0), done
    assert acme.log(task) == [("execution", "lost"), ("execution", "completed")]
    assert acme.get("/v1/records/scripted?parent=m")["count"] == 1


def what_handlers_publish_reaches_whoever_listens(errand: Errand):
    acme = errand.tenant("events")
    tasks = [acme.enqueue({"publish": kind}) for kind in ("first", "second")]
    events = lambda: [event for event in errand.events.got if event["tenant"] == "events"]
    got = eventually(events, lambda events: len(events) >= 2, within_s=80)
    assert {event["type"] for event in got} == {"first", "second"}, got
    assert all(acme.completed(task) for task in tasks)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
