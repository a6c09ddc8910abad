"""Agent runs: what agents do by a model, what a worker outside does, followed and steered through the API."""

import json
import time
import uuid

from errand import Errand, Tenant, eventually

# The one model that process-task may ask. MiniStack answers for any.
MODEL = "amazon.nova-lite-v1:0"

# Who answers, as the parameter ModelProfiles says it. One of them is never done in time.
PROFILES = json.dumps({
    "default": {"kind": "scripted", "answers": [
        {"text": "I have looked at half of it. Now I'll do the rest", "tokens_in": 100, "tokens_out": 10,
         "tool_calls": [{"name": "look", "arguments": {"at": "it"}, "output": "fine"}]},
        {"text": "All is done: it is fine.", "tokens_in": 200, "tokens_out": 20},
    ]},
    "bedrock": {"kind": "bedrock", "model": MODEL, "usd_per_million_in": 0.06, "usd_per_million_out": 0.24},
    "slow": {"kind": "scripted", "answers": [{"text": "All is done.", "delay_ms": 50_000}]},
})
PARAMETERS = {"ModelProfiles": PROFILES, "BedrockModelArns": f"arn:aws:bedrock:*::foundation-model/{MODEL}"}


def a_run_is_followed_event_by_event_and_its_session_read(errand: Errand):
    acme = errand.tenant("run")
    run = start(acme, agent_id="ada", session_id="s1", budgets={"daily_usd": 1}, idempotency_key="once")
    again = start(acme, agent_id="ada", session_id="s1", budgets={"daily_usd": 1}, idempotency_key="once")
    assert again["id"] == run["id"], again
    done = acme.completed(run["task_id"])
    assert done["output"]["result"] == "All is done: it is fine.", done
    shown = acme.get(f"/v1/runs/{run['id']}")
    assert (shown["status"], shown["tokens_in"], shown["tokens_out"]) == ("completed", 300, 30), shown
    events = acme.get(f"/v1/runs/{run['id']}/events")
    assert [event["seq"] for event in events["items"]] == list(range(1, events["last_seq"] + 1)), events
    kinds = [event["type"] for event in events["items"]]
    assert kinds.count("assistant_message") == 2 and "tool_call" in kinds and kinds[-1] == "terminal_status", kinds
    rest = acme.get(f"/v1/runs/{run['id']}/events?after_seq={events['cursor']}")
    assert (rest["count"], rest["run_status"]) == (0, "completed"), rest

    unread = lambda: acme.get("/v1/sessions/s1?reader_id=eve")["unread"]
    assert unread() and acme.get("/v1/sessions?state=unread&reader_id=eve")["count"] == 1
    assert acme.get("/v1/sessions/s1/trace")["count"] == events["count"]
    assert 0 < acme.get("/v1/sessions/s1/output")["count"] < events["count"]
    acme.post("/v1/sessions/s1/read", {"reader_id": "eve"})
    assert not unread()
    agent, agents = acme.get("/v1/agents/ada"), acme.get("/v1/agents")
    assert (agent["status"], agents["count"]) == ("completed", 1), (agent, agents)
    assert [profile["name"] for profile in acme.get("/v1/backends")["items"]] == ["bedrock", "default", "slow"]


def a_model_of_bedrock_is_asked_with_the_functions_role(errand: Errand):
    acme = errand.tenant("bedrock")
    run = start(acme, profile="bedrock")
    ended = acme.ended(run["task_id"])
    shown = acme.get(f"/v1/runs/{run['id']}")
    assert ended["status"] == "completed" and shown["tokens_out"] > 0 and shown["cost_usd"] > 0, (ended, shown)


def a_run_that_is_cancelled_in_a_turn_has_ended_at_once(errand: Errand):
    acme = errand.tenant("cancel-run")
    run = start(acme, profile="slow", agent_id="ada")
    eventually(lambda: acme.get(f"/v1/runs/{run['id']}"), lambda it: it["status"] == "running", every_s=0.2)
    asked = time.monotonic()
    acme.post(f"/v1/runs/{run['id']}/cancel", {"reason": "not needed"})
    cancelled = acme.get(f"/v1/runs/{run['id']}")
    assert (cancelled["status"], acme.task(run["task_id"])["status"]) == ("cancelled", "cancelled"), cancelled
    # Its agent is free for the next run, and nothing is added to the last.
    next_run = start(acme, agent_id="ada")
    acme.completed(next_run["task_id"])
    events = acme.get(f"/v1/runs/{run['id']}/events")
    assert events["items"][-1]["type"] == "terminal_status" and events["count"] == cancelled["last_event_seq"], events
    return f"the next run of its agent was done {time.monotonic() - asked:.0f} s later"


def a_killed_agents_run_is_cancelled(errand: Errand):
    acme = errand.tenant("kill-agent")
    run = start(acme, profile="slow", agent_id="ada")
    acme.post("/v1/agents/ada/kill", {"reason": "no longer trusted"})
    assert acme.get(f"/v1/runs/{run['id']}")["status"] == "cancelled"
    assert acme.get("/v1/agents/ada")["status"] == "killed"


def a_worker_outside_claims_a_run_is_steered_and_finishes_it(errand: Errand):
    acme = errand.tenant("runner")
    run = start(acme, executor="runner", session_id="s1")
    steer = acme.post(f"/v1/runs/{run['id']}/commands", {"kind": "steer", "payload": {"prompt": "be brief"}}, new=True)
    taken_back = acme.post(f"/v1/runs/{run['id']}/commands", {"kind": "interrupt"}, new=True)
    acme.post(f"/v1/commands/{taken_back['id']}/cancel", {})
    claim = {"worker_id": "mine", "task_types": ["run_outside"], "pool": "default"}
    (claimed,) = acme.post("/v1/claims", claim)["items"]
    assert claimed["details"]["run_id"] == run["id"], claimed
    lease = {"lease_token": claimed["lease_token"]}
    beat = {"worker_id": "mine", "leases": [{"task_id": run["task_id"], **lease}]}
    (news,) = acme.post("/v1/claims/heartbeat", beat)["items"]
    assert "lost" not in news and news["details"]["open_commands"] == 1, news
    said = [{"type": "assistant_message", "payload": {"text": "On it."}}]
    for _ in range(2):  # whose first answer was lost
        acme.post(f"/v1/runs/{run['id']}/events", {**lease, "events": said}, idempotency_key="first")
    acme.post(f"/v1/commands/{steer['id']}/ack", lease)
    acme.post(f"/v1/commands/{steer['id']}/finish", {**lease, "status": "completed"})
    stale = {"lease_token": f"1.{uuid.uuid4()}", "events": said}
    status, error = acme.call("POST", f"/v1/runs/{run['id']}/events", stale)
    assert (status, error["error"]["code"]) == (409, "lease_conflict"), error
    acme.post(f"/v1/tasks/{run['task_id']}/finish", {**lease, "status": "completed", "output": {"result": "Done."}})
    assert acme.task(run["task_id"])["output"] == {"result": "Done."}
    events = acme.get(f"/v1/runs/{run['id']}/events")["items"]
    assert [event["type"] for event in events].count("assistant_message") == 1, events
    commands = acme.get(f"/v1/runs/{run['id']}/commands")["items"]
    assert [command["status"] for command in commands] == ["completed", "cancelled"], commands


def start(acme: Tenant, idempotency_key: str | None = None, **fields) -> dict:
    """A new run, or the one that was begun under this key."""
    key = {"idempotency_key": idempotency_key} if idempotency_key else {}
    status, run = acme.call("POST", "/v1/runs", {"prompt": "See to it.", **fields}, **key)
    assert status in (200, 201), run
    assert run.pop("deduplicated") == (status == 200), run
    return run
