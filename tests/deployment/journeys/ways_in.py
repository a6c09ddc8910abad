"""The ways in: HTTP, the intake queue, direct invoke; and that nobody else gets in."""

import json
import uuid

from botocore.exceptions import ClientError

from errand import Errand, eventually, send


def a_task_by_http_is_done_and_its_key_is_one_task(errand: Errand):
    acme = errand.tenant("by-http")
    request = {"task_type": "scripted", "payload": {"mark": "m"}}
    status, new = acme.call("POST", "/v1/tasks", request, idempotency_key="k")
    assert (status, new["deduplicated"], new["tenant"]) == (201, False, "by-http"), new
    assert new["created_by"].endswith(":user/service"), new
    status, same = acme.call("POST", "/v1/tasks", request, idempotency_key="k")
    assert (status, same["id"], same["deduplicated"]) == (200, new["id"], True), same
    status, error = acme.call("POST", "/v1/tasks", {**request, "payload": {"mark": "n"}}, idempotency_key="k")
    assert (status, error["error"]["code"], error["error"]["field"]) == (409, "conflict", "idempotency_key"), error
    acme.completed(new["id"])
    assert acme.get("/v1/records/scripted?parent=m")["count"] == 1


def a_large_payload_is_kept_whole_and_another_under_its_key_is_refused(errand: Errand):
    acme = errand.tenant("large")
    request = lambda letter: {"task_type": "scripted", "payload": {"ballast": letter * 10_240}, "idempotency_key": "k"}
    status, new = acme.call("POST", "/v1/tasks", request("x"))
    assert status == 201, new
    assert acme.completed(new["id"])["payload"]["ballast"] == "x" * 10_240
    assert acme.call("POST", "/v1/tasks", request("y"))[0] == 409


def a_batch_by_http_answers_each_item_and_bad_ones_harm_no_other(errand: Errand):
    acme = errand.tenant("batch")
    good = {"task_type": "scripted", "payload": {}}
    priorities = [{**good, "priority": priority} for priority in ("urgent", "high", "medium", "low")]
    tasks = [*priorities, {"task_type": "make_tea", "payload": {}}, {**good, "timeout_s": 100}, {**good, "colour": 1}]
    status, answer = acme.call("POST", "/v1/tasks/batch", {"tasks": tasks})
    statuses = [item["status"] for item in answer["items"]]
    assert (status, statuses) == (200, [201, 201, 201, 201, 400, 201, 400]), answer
    for item in answer["items"]:
        if item["status"] == 201:
            acme.completed(item["task"]["id"])


def what_is_published_to_the_intake_queue_becomes_tasks(errand: Errand):
    """Singly; then a batch of ten of which two are bad: they are put aside with the reason, the others are done."""
    acme, sqs, url = errand.tenant("intake"), errand.service.sqs, errand.queue("Intake")
    tenant = {"tenant": {"DataType": "String", "StringValue": "intake"}}
    body = json.dumps({"task_type": "scripted", "payload": {"mark": "single"}})
    sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=tenant)
    has = lambda mark, count: eventually(
        lambda: acme.get(f"/v1/records/scripted?parent={mark}")["count"], lambda now: now == count
    )
    has("single", 1)

    mark = uuid.uuid4().hex
    bodies = [json.dumps({"task_type": "scripted", "payload": {"mark": mark}})] * 10
    bodies[3] = f"tea, please {mark}"
    bodies[7] = json.dumps({"task_type": "scripted", "payload": {"acts": ["sing"], "mark": mark}})
    entries = [{"Id": str(n), "MessageBody": body, "MessageAttributes": tenant} for n, body in enumerate(bodies)]
    assert not sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")
    has(mark, 8)
    letters = {letter["Body"]: letter["MessageAttributes"] for letter in errand.letters("IntakeDeadLetter", mark, 2)}
    assert set(letters) == {bodies[3], bodies[7]}, letters
    reasons = [letters[bodies[n]]["error_message"]["StringValue"] for n in (3, 7)]
    assert reasons[0].startswith("not JSON"), reasons
    assert reasons[1].startswith("payload.acts[0]: unknown variant `sing`"), reasons


def the_enqueue_function_takes_tasks_by_invoke(errand: Errand):
    acme = errand.tenant("invoke")
    request = {"tenant": "invoke", "task_type": "scripted", "payload": {"mark": "m"}}
    name = errand.function("enqueue")["FunctionName"]
    invoke = lambda kind, body: errand.service.functions.invoke(
        FunctionName=name, InvocationType=kind, Payload=json.dumps(body)
    )
    answer = json.loads(invoke("RequestResponse", request)["Payload"].read())
    assert acme.completed(answer["id"])["tenant"] == "invoke"
    assert invoke("Event", request)["StatusCode"] == 202
    eventually(lambda: acme.get("/v1/records/scripted?parent=m")["count"], lambda count: count == 2)
    bad = invoke("RequestResponse", {**request, "payload": {"acts": ["sing"]}})
    assert "FunctionError" not in bad and json.loads(bad["Payload"].read())["error"]["code"] == "invalid", bad
    # Nobody becomes somebody else by writing an event as the API does, or the queue.
    root = {"iam": {"userArn": "arn:aws:iam::000000000000:root"}}
    of_api = {"version": "2.0", "routeKey": "POST /v1/tasks", "requestContext": {"authorizer": root},
              "body": json.dumps({"task_type": "scripted", "payload": {}})}
    of_queue = {"Records": [{"messageId": "m", "attributes": {"SenderId": "root"}, "body": of_api["body"]}]}
    for event in (of_api, of_queue):
        forged = json.loads(invoke("RequestResponse", event)["Payload"].read())
        assert forged["error"]["code"] == "invalid", forged


def nobody_gets_in_without_the_right_to(errand: Errand):
    acme = errand.tenant("strangers")
    request = {"task_type": "scripted", "payload": {}}
    status, _ = send(errand.port, "POST", "/v1/tasks", json.dumps(request), {"host": errand.host})
    assert status == 403, status
    assert acme.call("POST", "/v1/tasks", request, clients=errand.stranger)[0] == 403
    assert acme.get("/v1/tasks")["count"] == 0
    refused(lambda: errand.stranger.sqs.send_message(QueueUrl=errand.queue("Intake"), MessageBody="{}"))
    refused(lambda: errand.service.sqs.send_message(QueueUrl=errand.queue("Urgent"), MessageBody="{}"))
    for function in ("process-task", "intake", "control", "status"):
        refused(lambda: errand.service.functions.invoke(FunctionName=errand.function(function)["FunctionName"]))
    refused(lambda: errand.service.dynamodb.scan(TableName=errand.outputs["TasksTableName"]))


def another_tenants_task_is_not_there(errand: Errand):
    task = errand.tenant("mine").enqueue({}, delay_s=3600)
    theirs = errand.tenant("theirs")
    for method, path in (("GET", ""), ("GET", "/log"), ("POST", "/cancel"), ("POST", "/retry")):
        body = None if method == "GET" else {}
        assert theirs.call(method, f"/v1/tasks/{task}{path}", body)[0] == 404, path
    assert errand.tenant("mine").task(task)["status"] == "pending"


def refused(call):
    """The call must be refused for want of a right, not for anything else."""
    try:
        call()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        assert code in ("AccessDenied", "AccessDeniedException"), error
    else:
        raise AssertionError("it was allowed")
