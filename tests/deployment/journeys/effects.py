"""What handlers leave behind."""

from errand import Errand, eventually


def what_handlers_write_is_there_with_the_end_of_their_task(errand: Errand):
    """Records put, patched, listed; steps, credits, events, follow-ups."""
    acme = errand.tenant("effects")
    assert acme.call("PUT", "/v1/records/user/ada", {"first_name": "Ada"})[0] == 201
    assert acme.call("PUT", "/v1/records/conversation/c1", {"user_id": "ada"})[0] == 201
    then = {"acts": ["step"], "mark": "then"}
    first = acme.enqueue({"mark": "m", "credit": 5, "publish": "thing.happened", "then": then}, user_id="ada")
    checks = [
        acme.enqueue({"attempt_count": 0}, "re_engagement_check", user_id="ada", agent_type="innovator"),
        acme.enqueue({"reason": "your question"}, "schedule_followup", user_id="ada"),
    ]
    for task in (first, *checks):
        acme.completed(task)
    assert acme.get("/v1/records/user/ada")["credits"] == 5
    assert acme.get("/v1/records/message?parent=c1")["count"] == 2

    # The follow-up works in a step, fails, waits its minute, and finds its step again.
    tasks = acme.get("/v1/tasks?user_id=ada")["items"]
    (follow_up,) = [task["id"] for task in tasks if task.get("parent_id") == first]
    done = acme.completed(follow_up)
    assert (done["executions"], done["output"]["step_by"]) == (2, 1), done
    assert eventually(lambda: acme.get("/v1/records/scripted?parent=then")["count"], bool) == 1

    # A record is taken away by hand; what belongs to it stays.
    messages = acme.get("/v1/records/message?parent=c1")["count"]
    assert acme.call("DELETE", "/v1/records/conversation/c1")[0] == 200
    assert acme.call("GET", "/v1/records/conversation/c1")[0] == 404
    assert acme.get("/v1/records/message?parent=c1")["count"] == messages > 0
