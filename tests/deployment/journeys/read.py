"""Every read: lists, records, snapshots, health."""

from urllib.parse import quote

from errand import Errand, eventually


def lists_tell_what_is_there(errand: Errand):
    acme = errand.tenant("read")
    done = acme.enqueue({}, user_id="ada")
    acme.completed(done)
    open_ones = {p: acme.enqueue({}, user_id="ada", priority=p, delay_s=600, lane=p) for p in ("low", "urgent", "high")}
    ids = lambda answer: [task["id"] for task in answer["items"]]
    first = acme.get("/v1/tasks?queue=default&limit=2")
    assert ids(first) == [open_ones["urgent"], open_ones["high"]], first
    rest = acme.get(f"/v1/tasks?limit=2&cursor={quote(first['cursor'])}")
    assert (ids(rest), rest.get("cursor")) == ([open_ones["low"]], None), rest
    assert ids(acme.get("/v1/tasks?status=completed")) == [done]
    assert ids(acme.get("/v1/tasks?lane=high&type=scripted")) == [open_ones["high"]]
    assert acme.get("/v1/tasks?user_id=ada")["count"] == 4
    assert "scripted" in str(acme.get("/v1/task-types"))


def a_record_is_changed_only_from_the_version_that_is_named(errand: Errand):
    acme = errand.tenant("records")
    assert acme.call("PUT", "/v1/records/conversation/c1", {"user_id": "ada"})[0] == 201
    status, new = acme.call("PUT", "/v1/records/user/ada", {"first_name": "Ada", "expert_connector": True})
    assert status == 201, new
    change = {"company": "Analytical"}
    status, changed = acme.call("PATCH", "/v1/records/user/ada", change, if_match=new["version"])
    assert (status, changed["first_name"], changed["company"]) == (200, "Ada", "Analytical"), changed
    assert acme.call("PATCH", "/v1/records/user/ada", change, if_match=new["version"])[0] == 409
    assert acme.get("/v1/records/conversation?parent=ada")["count"] == 1
    assert acme.get("/v1/records/user?owner=experts")["items"][0]["id"] == "ada"
    assert acme.call("GET", "/v1/records/user/bob")[0] == 404


def health_is_good_and_the_poller_has_run(errand: Errand):
    acme = errand.tenant("health")
    health = eventually(lambda: acme.get("/v1/health"), lambda health: health["last_poll"], every_s=2)
    assert health["status"] == "ok" and health["store"] == health["queue"] == {"reachable": True}, health


def a_commander_sees_what_waits_and_what_they_have_not_seen(errand: Errand):
    acme = errand.tenant("commander")
    low, urgent = [acme.enqueue({}, priority=priority, delay_s=600) for priority in ("low", "urgent")]
    asks = lambda: acme.get("/v1/commander?reader_id=ada")
    shown = asks()
    assert [task["id"] for task in shown["tasks"]["items"]] == [urgent, low] and shown["unread"] == 2, shown
    acme.act(urgent, "read", {"reader_id": "ada"})
    shown = asks()
    assert [task["unread"] for task in shown["tasks"]["items"]] == [False, True] and shown["unread"] == 1, shown
