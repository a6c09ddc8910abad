"""What an update of the stack does to work in flight, and what is left of it when it is deleted."""

import itertools
import threading
from urllib.parse import quote

from botocore.exceptions import ClientError

from deploy import STACK, Sam
from errand import HANGS_S, Errand, eventually
from losses import LOOKED_AT_S


def update(errand: Errand, sam: Sam, parameters: dict[str, str]) -> str:
    """Deploys with other parameters while tasks come in, run, wait for a retry and for their time."""
    acme, later, stop = errand.tenant("update"), errand.tenant("update-later"), threading.Event()
    before = later.enqueue({}, delay_s=900)
    waiting = [acme.enqueue({"acts": [{"retry_after": 10}, "complete"], "mark": "m"}, timeout_s=5) for _ in range(20)]
    waiting += [acme.enqueue({"mark": "m"}, delay_s=15, timeout_s=5) for _ in range(20)]
    coming = []
    comes = threading.Thread(target=lambda: coming.extend(until(stop, lambda key: once(acme, key))), daemon=True)
    comes.start()
    sam.deploy(parameters)
    stop.set()
    comes.join()
    assert coming, "nothing came in meanwhile"
    errand.in_flight = [*waiting, *coming]
    assert later.task(before)["max_retries"] != later.task(later.enqueue({}, delay_s=900))["max_retries"]
    publishes_to_the_webhook(errand)
    return f"{len(errand.in_flight)} tasks in flight, {len(coming)} of which came meanwhile"


def nothing_in_flight_was_lost(errand: Errand) -> str:
    """Of what `update` met. To be taken some time after it: a task whose message was in the hands of a function that was
    replaced is sent again two minutes later, and one whose process was ended is reaped when its lease is over."""
    acme, tasks = errand.tenant("update"), errand.in_flight
    eventually(lambda: acme.post("/v1/poll", {}) and acme.has_open(), lambda has: not has, within_s=LOOKED_AT_S + HANGS_S)
    ends = [acme.task(task) for task in tasks]
    bad = [task for task in ends if task["status"] != "completed"]
    assert not bad, bad[:3]
    marks = count(acme, "/v1/records/scripted?parent=m")
    assert len(marks) == len(tasks) == len(set(tasks)), (len(marks), len(tasks))
    return f"{sum(task['losses'] for task in ends)} of {len(tasks)} lost their worker"


def publishes_to_the_webhook(errand: Errand):
    """Which the stack has from now on."""
    acme = errand.tenant("webhook")
    for kind in ("first", "second"):
        acme.completed(acme.enqueue({"publish": kind}))
    heard = lambda: acme.post("/v1/poll", {}) and [e["type"] for e in errand.events.got if e["tenant"] == "webhook"]
    eventually(heard, lambda heard: sorted(set(heard)) == ["first", "second"])


def delete(errand: Errand, sam: Sam):
    """Deletes the stack: the tables stay with what is in them, so does the intake, and nothing else does."""
    root, names = errand.root, (errand.outputs["TasksTableName"], errand.outputs["ActionLogTableName"])
    kept = [name_of(errand.queue(queue)) for queue in ("Intake", "IntakeDeadLetter")]
    assert len(keys(errand)) == 1, "the webhook's URL is under no key"
    errand.bus.leave()
    sam.delete()
    try:
        root.cloudformation.describe_stacks(StackName=STACK)
    except ClientError as error:
        assert "does not exist" in str(error), error
    else:
        raise AssertionError("the stack is still there")
    queues = [name_of(url) for url in root.sqs.list_queues().get("QueueUrls", [])]
    left = {
        "functions": [it["FunctionName"] for it in root.functions.list_functions()["Functions"]],
        "mappings": root.functions.list_event_source_mappings()["EventSourceMappings"],
        "queues": [name for name in queues if STACK in name and name not in kept],
        "keys": keys(errand),
        "roles": [it["RoleName"] for it in root.iam.list_roles()["Roles"] if STACK in it["RoleName"]],
        "APIs": root.apigatewayv2.get_apis()["Items"],
        "schedules": root.scheduler.list_schedules()["Schedules"],
        "buses": [it["Name"] for it in root.events.list_event_buses()["EventBuses"] if it["Name"] != "default"],
        "alarms": root.cloudwatch.describe_alarms()["MetricAlarms"],
        "dashboards": root.cloudwatch.list_dashboards()["DashboardEntries"],
        "log groups": [name for name in log_groups(errand) if STACK in name],
    }
    assert not any(left.values()), left
    assert set(kept) < set(queues), queues
    for name in names:
        assert root.dynamodb.scan(TableName=name, Select="COUNT")["Count"] > 0, f"{name} is empty"


def name_of(queue_url: str) -> str:
    return queue_url.rsplit("/", 1)[1]


def keys(errand: Errand) -> list[str]:
    """The keys in use; a deleted one is still listed for some days."""
    kms = errand.root.kms
    states = {key["KeyId"]: kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]}
    return [key for key, state in states.items() if state["Enabled"] and state["KeyManager"] == "CUSTOMER"]


def log_groups(errand: Errand) -> list[str]:
    return [group["logGroupName"] for group in errand.root.logs.describe_log_groups()["logGroups"]]


def until(stop: threading.Event, enqueue) -> list[str]:
    """Enqueues, one after the other, until it is time to stop."""
    tasks = []
    for key in itertools.count():
        tasks.append(enqueue(f"update-{key}"))
        if stop.wait(0.2):
            return tasks


def once(acme, key: str) -> str:
    """Enqueues as a service does that does not take an error for an answer: again, under the same key."""
    request = {"task_type": "scripted", "payload": {"acts": [{"sleep": 1000}], "mark": "m"}, "timeout_s": 5}
    status, task = eventually(
        lambda: acme.call("POST", "/v1/tasks", request, idempotency_key=key), lambda got: got[0] in (200, 201)
    )
    return task["id"]


def count(acme, path: str) -> list[dict]:
    """All items of a list, page by page."""
    items, cursor = [], ""
    while cursor is not None:
        page = acme.get(f"{path}&limit=100" + (f"&cursor={quote(cursor, safe='')}" if cursor else ""))
        items += page["items"]
        cursor = page.get("cursor")
    return items
