"""What operators do: cancel, process now, reschedule, retry."""

from errand import Errand, eventually


def a_cancelled_task_does_not_run(errand: Errand):
    acme = errand.tenant("cancel")
    task = acme.enqueue({"mark": "m"}, delay_s=5)
    cancelled = acme.act(task, "cancel", {"reason": "not needed"})
    assert (cancelled["status"], cancelled["reason"]) == ("cancelled", "not needed"), cancelled
    assert acme.act(task, "cancel")["revision"] == cancelled["revision"], "cancelled twice"
    # One that comes after it, on the same queue.
    acme.completed(acme.enqueue({}, delay_s=6))
    assert acme.log(task) == [("cancel", "cancelled")]
    assert acme.get("/v1/records/scripted?parent=m")["count"] == 0


def a_running_task_that_is_cancelled_leaves_nothing_behind(errand: Errand):
    acme = errand.tenant("cancel-running")
    # Long enough that the cancel comes while it runs, however busy the machine is.
    task = acme.enqueue({"acts": [{"sleep": 25_000}], "mark": "m"})
    eventually(lambda: acme.task(task), lambda it: it["status"] == "running", every_s=0.2)
    acme.act(task, "cancel")
    acme.completed(acme.enqueue({}, delay_s=27))
    assert acme.task(task)["status"] == "cancelled"
    assert acme.get("/v1/records/scripted?parent=m")["count"] == 0
    assert [outcome for _, outcome in acme.log(task)].count("cancelled") == 1, acme.log(task)


def a_deferred_task_runs_now_only_by_force(errand: Errand):
    acme = errand.tenant("process-now")
    for fields in ({"priority": "urgent"}, {"priority": "high"}, {}, {"priority": "low"}, {"timeout_s": 70}):
        task = acme.enqueue({}, delay_s=7200, **fields)
        status, error = acme.call("POST", f"/v1/tasks/{task}/process", {})
        assert (status, error["error"]["code"]) == (409, "not_due"), error
        acme.act(task, "process", {"force": True})
        acme.completed(task)
        assert acme.log(task) == [("reschedule", "pending"), ("execution", "completed")]


def a_retry_by_an_operator_happens_once_for_each_key(errand: Errand):
    acme = errand.tenant("redrive")
    task = acme.enqueue({"acts": [{"fail_for_good": "no"}, {"fail_for_good": "still no"}, "complete"]})
    assert acme.ended(task)["status"] == "failed"
    redriven = acme.act(task, "retry", {"note": "mended"}, idempotency_key="once")
    assert (redriven["status"], redriven["redrive_note"]) == ("pending", "mended"), redriven
    assert acme.ended(task)["executions"] == 2
    # The same request, its answer lost, comes again when the task has failed once more.
    same = acme.act(task, "retry", {"note": "mended"}, idempotency_key="once")
    assert (same["status"], same["redrives"]) == ("failed", 1), same
    acme.act(task, "retry")
    acme.completed(task)
    rows = [("execution", "failed"), ("redrive", "pending")] * 2 + [("execution", "completed")]
    assert acme.log(task) == rows
    errand.letters("DeadLetter", task, 2)


def failed_tasks_are_redriven_many_at_a_time_and_each_once(errand: Errand):
    acme = errand.tenant("bulk")
    fails = {"acts": [{"fail_for_good": "no"}, "complete"]}
    meant = [acme.enqueue(fails, lane="mended") for _ in range(12)]
    other = acme.enqueue(fails, lane="other")
    for task in (*meant, other):
        assert acme.ended(task)["status"] == "failed"
    listed = eventually(lambda: acme.get("/v1/dead-letters?lane=mended"), lambda got: got["count"] == len(meant))
    assert {task["id"] for task in listed["items"]} == set(meant), listed
    ask = {"filter": {"lane": "mended"}, "note": "mended"}
    shown = acme.post("/v1/dead-letters/redrive", {**ask, "dry_run": True})
    assert (shown["matched"], {item["id"] for item in shown["items"]}) == (len(meant), set(meant)), shown
    assert all(acme.task(task)["status"] == "failed" for task in meant), "a dry run redrove"
    first = acme.post("/v1/dead-letters/redrive", {**ask, "limit": 5}, idempotency_key="once")
    assert first["done"] == 5 and first["cursor"], first
    again = acme.post("/v1/dead-letters/redrive", {**ask, "limit": 5}, idempotency_key="once")
    assert again == first, again
    rest = acme.post("/v1/dead-letters/redrive", {**ask, "cursor": first["cursor"]})
    assert (rest["done"], rest["skipped"], rest["cursor"]) == (len(meant) - 5, 0, None), rest
    for task in meant:
        acme.completed(task)
        assert acme.log(task) == [("execution", "failed"), ("redrive", "pending"), ("execution", "completed")]
    assert acme.task(other)["status"] == "failed"


def all_that_is_a_users_is_removed_and_a_receipt_says_how_much(errand: Errand):
    acme = errand.tenant("erase")
    ended = acme.enqueue({"acts": ["step"], "mark": "m", "ballast": "Zauberwort" * 1000}, user_id="ada")
    acme.completed(ended)
    later = acme.enqueue({"ballast": "Zauberwort"}, user_id="ada", delay_s=7200)
    others = acme.enqueue({}, user_id="bob")
    acme.completed(others)
    status, made = acme.call("PUT", "/v1/records/conversation/c1", {"user_id": "ada"})
    assert status == 201, made
    status, task = acme.call("DELETE", "/v1/users/ada")
    assert (status, task["task_type"]) == (202, "erase_user"), task
    acme.completed(task["id"])
    receipt = acme.task(task["id"])["output"]
    assert receipt["removed"] == {"task": 2, "conversation": 1} and "ada" not in str(receipt), receipt
    for path in (f"/v1/tasks/{ended}", f"/v1/tasks/{later}", "/v1/records/conversation/c1"):
        assert acme.call("GET", path)[0] == 404, path
    assert acme.task(others)["status"] == "completed"
