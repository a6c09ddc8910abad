"""Many tasks, and who waits for them."""

from errand import Errand, eventually


def a_task_makes_fifty_and_goes_on_once_when_they_have_ended(errand: Errand):
    acme = errand.tenant("fan-out")
    parent = acme.enqueue({"acts": [{"fan_out": 50}], "member": {"mark": "member"}, "mark": "parent"})
    done = acme.completed(parent)
    assert done["output"] == {"group": "completed", "total": 50, "failed": 0}, done
    assert acme.log(parent) == [("execution", "waited"), ("execution", "completed")]
    assert acme.get("/v1/records/scripted?parent=parent")["count"] == 1


def a_group_is_made_by_a_request_and_what_follows_begins(errand: Errand):
    acme = errand.tenant("group")
    fails = {"acts": [{"fail_for_good": "no"}]}
    then = {"task_type": "scripted", "queue": "then", "payload": {}}
    body = {"task": {"task_type": "scripted"}, "items": [{}, fails, {}], "policy": {"tolerate": 1}, "on_success": then}
    made = acme.post("/v1/groups", body, new=True, idempotency_key="g")
    over = eventually(lambda: acme.get(f"/v1/groups/{made['id']}"), lambda group: group["over"])
    assert (over["status"], over["failed"]) == ("completed", 1), over
    listed = acme.get("/v1/groups")["items"]
    assert [group["id"] for group in listed] == [made["id"]], listed
    members = acme.get(f"/v1/groups/{made['id']}/tasks")["items"]
    assert [item["task"]["status"] for item in members] == ["completed", "failed", "completed"], members
    eventually(lambda: acme.get("/v1/tasks?queue=then&status=completed"), lambda page: page["count"] == 1)

    # What is called off is called off by control, and a member that waits for its time with it.
    late = {"task_type": "scripted", "payload": {}, "delay_s": 3000}
    made = acme.post("/v1/groups", {"tasks": [late]}, new=True)
    assert acme.post(f"/v1/groups/{made['id']}/cancel", {})["status"] == "cancelled"
    more = {"tasks": [late]}
    status, _ = acme.call("POST", f"/v1/groups/{made['id']}/tasks", more, idempotency_key="more")
    assert status == 409, status
    open_group = acme.post("/v1/groups", {"tasks": [late]}, new=True)
    assert acme.post(f"/v1/groups/{open_group['id']}/tasks", more, idempotency_key="more")["total"] == 2
    acme.post(f"/v1/groups/{open_group['id']}/cancel", {})
    empty = {"tasks": [], "on_failure": then}
    assert acme.post("/v1/groups", empty, new=True)["status"] == "completed"
