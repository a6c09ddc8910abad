"""What is lost on purpose before the journeys, so that polls have something to make good."""

import json
import time
from collections.abc import Iterable
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

from errand import Errand, Tenant, eventually

# Whose tasks are looked at by the polls that somebody asks for: two, since the poller's own may come before one.
ASKED = {"asked-1": 16, "asked-2": 20}

# Whose are left to the poller, which EventBridge Scheduler starts every minute: due when nobody asks any more.
LOST = {"lost": 40}

# How long after its time a task with a message is looked at, and an event that the relay was to tell.
LOOKED_AT_S = 120


def lose(errand: Errand) -> dict[str, dict]:
    """For each of these tenants: tasks whose messages are deleted before their time, and one whose end and whose event
    the bus does not take, with the time at which a poll may see to all of it. Before any journey: it empties every
    work queue, and keeps the relay from the bus for some seconds."""
    errand.tenant("first").completed(errand.tenant("first").enqueue({}))  # the functions have begun
    began, lost = time.monotonic(), {}
    with outage_of_the_bus(errand):
        for tenant, after_s in (ASKED | LOST).items():
            lost[tenant] = enqueue_late(errand.tenant(tenant), after_s - (time.monotonic() - began))
        for queue in ("Urgent", "High", "Medium", "Low", "Long"):
            errand.operator.sqs.purge_queue(QueueUrl=errand.queue(queue))
        for tenant, after_s in (ASKED | LOST).items():
            time.sleep(max(0, after_s - 6 - (time.monotonic() - began)))
            lost[tenant]["told"] = errand.tenant(tenant).enqueue({"publish": "thing.happened"})
            errand.tenant(tenant).completed(lost[tenant]["told"])
            lost[tenant]["due"] = time.monotonic() + LOOKED_AT_S
        # What was published, the ends, and that there is an agent for the run.
        eventually(lambda: owed(errand, lost), lambda owed: owed == 3 * len(lost))
    return lost


def enqueue_late(acme: Tenant, after_s: float) -> dict:
    """One task for each queue, one that is too late when somebody looks at it, and a run that no runner has taken by
    then."""
    at = lambda seconds: (datetime.now(timezone.utc) + timedelta(seconds=after_s + seconds)).isoformat()
    each = [{"priority": "urgent"}, {"priority": "high"}, {}, {"priority": "low"}, {"timeout_s": 70}]
    late = [{"payload": {}, "scheduled_for": at(0), **on} for on in each]
    too_late = {"payload": {"mark": "m"}, "scheduled_for": at(0), "expires_at": at(LOOKED_AT_S - 1)}
    answer = acme.post("/v1/tasks/batch", {"tasks": [{"task_type": "scripted", **one} for one in [*late, too_late]]})
    ids = [item["task"]["id"] for item in answer["items"]]
    waits = {"prompt": "See to it.", "executor": "runner", "expires_at": at(LOOKED_AT_S - 1)}
    run = acme.post("/v1/runs", waits, new=True)
    return {"late": ids[:-1], "too late": ids[-1], "run": run["id"]}


@contextmanager
def outage_of_the_bus(errand: Errand):
    """The relay may not tell the bus meanwhile."""
    role = errand.function("relay")["Role"].rsplit("/", 1)[1]
    deny = {"Effect": "Deny", "Action": "events:PutEvents", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    errand.root.iam.put_role_policy(RoleName=role, PolicyName="outage", PolicyDocument=policy)
    try:
        yield
    finally:
        errand.root.iam.delete_role_policy(RoleName=role, PolicyName="outage")


def owed(errand: Errand, tenants: Iterable[str]) -> int:
    """How many events of these tenants nobody has delivered."""
    pages = errand.root.dynamodb.get_paginator("scan").paginate(
        TableName=errand.outputs["TasksTableName"], FilterExpression="attribute_exists(w) AND sk = :r",
        ExpressionAttributeValues={":r": {"S": "r"}}, ProjectionExpression="pk",
    )
    owed = [item["pk"]["S"].split("#") for page in pages for item in page["Items"]]
    return sum(kind == "event" and tenant in tenants for _, tenant, kind, *_ in owed)
