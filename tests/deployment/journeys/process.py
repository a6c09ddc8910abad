"""What becomes of a task: done, tried again, given up with a dead letter, in the order of its priority."""

import json

from errand import Errand, eventually
from journeys.update import count


def a_retry_is_the_same_message_hidden_until_its_time(errand: Errand):
    acme = errand.tenant("retry")
    task = acme.enqueue({"acts": [{"retry_after": 6}, "complete"]}, priority="high")
    waiting = eventually(lambda: acme.task(task), lambda it: it["failures"] == 1, every_s=0.1)
    assert waiting["status"] == "pending" and waiting["run_at"] > waiting["updated_at"], waiting
    assert errand.depth("High")[1] >= 1, "no message is hidden"
    done = acme.completed(task)
    assert (done["executions"], done["failures"], done["losses"]) == (2, 1, 0), done
    assert acme.log(task) == [("execution", "retry"), ("execution", "completed")]


def the_first_backoff_is_about_a_minute(errand: Errand):
    acme = errand.tenant("backoff")
    task = acme.enqueue({"acts": [{"fail": "not yet"}, "complete"]})
    first = eventually(lambda: acme.task(task), lambda it: it["failures"] == 1)
    done = acme.completed(task)
    assert done["last_attempted_at"] >= first["run_at"], (done, first)


def a_failed_task_leaves_a_dead_letter_and_moved_back_it_is_redriven_once(errand: Errand):
    acme = errand.tenant("dead-letter")
    task = acme.enqueue({"acts": [{"fail_for_good": "no such thing"}, "complete"]}, priority="high")
    failed = acme.ended(task)
    assert failed["status"] == "failed" and failed["failure"]["message"] == "no such thing", failed
    (letter,) = errand.letters("DeadLetter", task)
    assert json.loads(letter["Body"]) == {"tenant": "dead-letter", "task": task, "executions": 1}, letter
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert attributes == {"task_type": "scripted", "tenant": "dead-letter", "reason": "no such thing"}, attributes
    eventually(lambda: acme.task(task).get("dead_lettered_at"), bool)
    for _ in range(2):  # as the console moves it, by a user who is impatient
        errand.operator.sqs.send_message(QueueUrl=errand.queue("High"), MessageBody=letter["Body"])
    done = eventually(lambda: acme.task(task), lambda it: it["status"] == "completed")
    assert (done["redrives"], done["executions"]) == (1, 2), done
    assert acme.log(task) == [("execution", "failed"), ("redrive", "pending"), ("execution", "completed")]


def retries_end_with_the_last_that_was_asked_for(errand: Errand):
    acme = errand.tenant("give-up")
    task = acme.enqueue({"acts": [{"retry_after": 1}], "mark": "m"}, max_retries=2)
    failed = acme.ended(task)
    assert (failed["status"], failed["executions"], failed["failures"]) == ("failed", 3, 3), failed
    assert acme.get("/v1/records/scripted?parent=m.ended")["count"] == 1, "what ends with the task did not"
    errand.letters("DeadLetter", task)


def every_other_end_is_what_the_handler_says(errand: Errand):
    acme = errand.tenant("ends")
    ends = {"blocked": {"acts": [{"block": "a person has to look"}]}, "cancelled": {"acts": [{"cancel": "not needed"}]}}
    tasks = {status: acme.enqueue(payload) for status, payload in ends.items()}
    broken = {kind: acme.enqueue({"acts": [act]}, timeout_s=1, max_retries=0)
              for kind, act in (("panic", "panic"), ("timeout", "hang"))}
    for status, task in tasks.items():
        assert acme.ended(task)["status"] == status, acme.task(task)
    for kind, task in broken.items():
        ended = acme.ended(task)
        assert (ended["status"], ended["failure"]["kind"]) == ("failed", kind), ended


def a_task_may_put_itself_off_on_any_queue(errand: Errand):
    """For long enough to hide its message, and for too short a time."""
    acme, snoozes = errand.tenant("snooze"), {"acts": [{"snooze": 3}, {"snooze": 0}, "complete"]}
    each = [{"priority": "urgent"}, {"priority": "high"}, {}, {"priority": "low"}, {"timeout_s": 70}]
    for task in [acme.enqueue(snoozes, **on) for on in each]:
        done = acme.completed(task)
        assert (done["snoozes"], done["executions"], done["failures"]) == (2, 3, 0), done


def a_flood_of_low_work_does_not_delay_what_is_urgent(errand: Errand):
    acme = errand.tenant("priority")
    low = {"task_type": "scripted", "payload": {"acts": [{"sleep": 2000}]}, "priority": "low"}
    urgent = {"task_type": "scripted", "payload": {}, "priority": "urgent"}
    for last in (low, low, urgent):
        status, answer = acme.call("POST", "/v1/tasks/batch", {"tasks": [low] * 99 + [last]})
        assert status == 200, answer
    urgent = acme.completed(answer["items"][-1]["task"]["id"])
    eventually(acme.has_open, lambda has: not has, within_s=600, every_s=2)
    flood = [task for task in count(acme, "/v1/tasks?status=completed") if task["priority"] == "low"]
    overtaken = sum(task["last_attempted_at"] > urgent["last_attempted_at"] for task in flood)
    # In one queue with them it would start beside the rest of its batch.
    assert overtaken > 10, f"it came before {overtaken} of {len(flood)}"
    return f"it came last and started before {overtaken} of {len(flood)}"
