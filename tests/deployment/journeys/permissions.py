"""That each function's role has what the function needs and nothing more. To be taken when the others have arrived,
one after the other."""

import json
from collections.abc import Callable
from fnmatch import fnmatchcase

from accounts import Clients
from deploy import STACK
from errand import Errand
from journeys.ways_in import refused
from processes import functions

FUNCTIONS = ("enqueue", "intake", "process-task", "process-task-long", "poller", "status", "control", "relay", "mcp")

# Who gives webhooks their events asks here which there are. None is named here; `tests/aws/permissions.rs` sees it asked.
GIVES, NAMED = "relay", ("/index/owner", "/index/parent")

# Who copies rows to the action log that nobody has brought there. Here all are brought; `tests/aws/permissions.rs` sees it asked.
COPIES, BROUGHT = "relay", ("dynamodb:PutItem", "dynamodb:Query")

# Also where task types that are compiled in are offered to agents, as here are none: `tests/aws/permissions.rs` sees what it needs.
OFFERS = "mcp"

# Of those that run another's code: whose.
CODE = {"intake": "enqueue", "process-task-long": "process-task"}

# The kinds of items that each may write, if not tasks and records: t a task, r a record, c a counter, w a watermark.
WRITES = {"enqueue": "t", "intake": "t", "poller": "trcw", "relay": "rw", "status": ""}

# What Lambda does with the change stream in a function's name. Here nobody can be seen to need it: MiniStack's mappings
# do without, and of a request it does not read which stream is meant. `tests/template.rs` checks that it is allowed.
OF_THE_STREAM = [f"dynamodb:{what}" for what in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")]

# Who posts to a webhook asks here what it is owed. There is none before the update; `tests/aws/permissions.rs` sees it asked.
OWED, POST = "/index/parent", ("poller", "control")

# The one that takes from rows of the action log what they say, once their task is erased.
ERASES = "process-task-long"

# Who ends a task looks that no run of it begins meanwhile. Here no worker is lost before it has begun one: `tests/aws/defer.rs` sees
# it asked.
ENDS, UNBORN = "poller", "dynamodb:ConditionCheckItem"


def every_role_was_asked_for_all_it_may_and_nothing_was_refused(errand: Errand):
    """MiniStack decides each request of a function by its role, as it is deployed."""
    for name in FUNCTIONS:
        in_its_name(errand, name)
    idle, denied = [], []
    for name in FUNCTIONS:
        role, code = role_of(errand, name), CODE.get(name, name)
        # What one was seen to need the other that runs the same code may need.
        same_code = {role_of(errand, other) for other in FUNCTIONS if CODE.get(other, other) == code}
        decided = [d for d in errand.decisions() if any(f":assumed-role/{one}/" in d[0] for one in same_code)]
        asked = [decision[1:3] for decision in decided if decision[3]]
        denied += [decision for decision in decided if not decision[3]]
        for action, on in allowed(errand, role):
            if action in OF_THE_STREAM or (name in POST and on.endswith(OWED)):
                continue
            if name == OFFERS and action == "sqs:SendMessage":
                continue
            if name == ENDS and action == UNBORN:
                continue
            if name == GIVES and (action == "dynamodb:BatchGetItem" or on.endswith(NAMED)):
                continue
            if name == COPIES and action in BROUGHT and on.endswith(errand.outputs["ActionLogTableName"]):
                continue
            if not any(action == asked_for and fnmatchcase(of, on) for asked_for, of in asked):
                idle.append((role, action, on))
    # But for the outage of the bus that was made (`losses.lose`).
    outage = (role_of(errand, "relay"), "events:PutEvents")
    denied = [it for it in denied if (it[0].split("/")[1], it[1]) != outage]
    assert not denied, f"refused to a function: {denied}"
    assert not idle, f"never asked for: {idle}"


def no_function_may_do_what_is_not_its_own(errand: Errand):
    """With the credentials that each function's process has: what a function that was taken over could do."""
    others = _others(errand)
    for name in FUNCTIONS:
        clients = credentials(errand, name)
        for what, call in forbidden(errand, name, clients, others).items():
            try:
                refused(call)
            except AssertionError as problem:
                raise AssertionError(f"{name} may {what}: {problem}") from problem


def role_of(errand: Errand, function: str) -> str:
    return errand.function(function)["Role"].rsplit("/", 1)[1]


def allowed(errand: Errand, role: str) -> list[tuple[str, str]]:
    """Every (action, resource) of the role's policies, as they are deployed."""
    iam, found = errand.root.iam, []
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        for statement in document["Statement"]:
            assert statement["Effect"] == "Allow", statement
            listed = lambda value: value if isinstance(value, list) else [value]
            found += [(action, on) for action in listed(statement["Action"]) for on in listed(statement["Resource"])]
    return found


def credentials(errand: Errand, function: str) -> Clients:
    """Clients with the credentials of a running process of the function: those of its role."""
    variables = functions(errand.stack_pid, f"{STACK}-{function}")[0].variables
    keys = [variables[f"AWS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")]
    return Clients(errand.account.url, tuple(keys))


def in_its_name(errand: Errand, function: str):
    """What Lambda does with a function's role, and MiniStack without asking: it takes messages and writes the log."""
    clients = credentials(errand, function)
    mappings = errand.root.functions.list_event_source_mappings(FunctionName=f"{STACK}-{function}")
    for mapping in mappings["EventSourceMappings"]:
        if ":dynamodb:" in mapping["EventSourceArn"]:
            continue
        url = errand.root.sqs.get_queue_url(QueueName=mapping["EventSourceArn"].rsplit(":", 1)[1])["QueueUrl"]
        clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        clients.sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
        attempt(lambda: clients.sqs.delete_message(QueueUrl=url, ReceiptHandle="none"))
    stream = {"logGroupName": f"/aws/lambda/{STACK}-{function}", "logStreamName": "test"}
    clients.logs.create_log_stream(**stream)
    clients.logs.put_log_events(**stream, logEvents=[{"timestamp": 0, "message": "a line"}])


def attempt(call: Callable):
    """Any answer will do but a refusal."""
    try:
        call()
    except Exception as error:
        assert "AccessDenied" not in str(error), error


def _others(errand: Errand) -> dict[str, str]:
    """Things of other people in the same account."""
    root = errand.root
    root.dynamodb.create_table(
        TableName="others", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )
    return {"table": "others", "queue": root.sqs.create_queue(QueueName="others")["QueueUrl"]}


def writes(of: Clients, table: str, key: str, what: str) -> dict[str, Callable]:
    """Ways to write an item of this key."""
    item = {"pk": {"S": key}, "sk": {"S": "x"}}
    put, update = {"TableName": table, "Item": item}, {"TableName": table, "Key": item, "UpdateExpression": "REMOVE a"}
    return {
        f"put a {what}": lambda: of.dynamodb.put_item(**put),
        f"change a {what}": lambda: of.dynamodb.update_item(**update),
        f"put a {what} in a transaction": lambda: of.dynamodb.transact_write_items(TransactItems=[{"Put": put}]),
        f"put a {what} in a batch": lambda: of.dynamodb.batch_write_item(
            RequestItems={table: [{"PutRequest": {"Item": item}}]}),
    }


def forbidden(errand: Errand, function: str, of: Clients, others: dict[str, str]) -> dict[str, Callable]:
    """What no function may do, or this one not, by words for it."""
    tasks, log = errand.outputs["TasksTableName"], errand.outputs["ActionLogTableName"]
    row, task = {"pk": {"S": "x"}, "seq": {"N": "1"}}, {"pk": {"S": "x"}, "sk": {"S": "t"}}
    other = {"TableName": others["table"], "Key": {"pk": {"S": "x"}}}
    change = {"UpdateExpression": "SET a = :a", "ExpressionAttributeValues": {":a": {"S": "a"}}}
    transaction = lambda **member: lambda: of.dynamodb.transact_write_items(TransactItems=[member])
    feeds = "Long" if function == "process-task" else "Low"
    calls = {
        "update the log": lambda: of.dynamodb.update_item(TableName=log, Key=row, **change),
        "delete from the log": lambda: of.dynamodb.delete_item(TableName=log, Key=row),
        "update the log in a transaction": transaction(Update={"TableName": log, "Key": row, **change}),
        "delete from the log in a transaction": transaction(Delete={"TableName": log, "Key": row}),
        "delete from the log in a batch": lambda: of.dynamodb.batch_write_item(
            RequestItems={log: [{"DeleteRequest": {"Key": row}}]}),
        "scan the tasks": lambda: of.dynamodb.scan(TableName=tasks),
        "scan the log": lambda: of.dynamodb.scan(TableName=log),
        "drop the tasks": lambda: of.dynamodb.delete_table(TableName=tasks),
        "turn off what keeps the tasks": lambda: of.dynamodb.update_time_to_live(
            TableName=tasks, TimeToLiveSpecification={"Enabled": False, "AttributeName": "ttl_s"}),
        "read another table": lambda: of.dynamodb.get_item(**other),
        "query another table": lambda: of.dynamodb.query(
            TableName=others["table"], KeyConditionExpression="pk = :a",
            ExpressionAttributeValues={":a": {"S": "a"}}),
        "write to another table": lambda: of.dynamodb.put_item(TableName=others["table"], Item={"pk": {"S": "x"}}),
        "write to another table in a transaction": transaction(
            Put={"TableName": others["table"], "Item": other["Key"]}),
        "list all tables": lambda: of.dynamodb.list_tables(),
        "send to another queue": lambda: of.sqs.send_message(QueueUrl=others["queue"], MessageBody="x"),
        "receive from another queue": lambda: of.sqs.receive_message(QueueUrl=others["queue"]),
        "receive what feeds another": lambda: of.sqs.receive_message(QueueUrl=errand.queue(feeds)),
        "receive dead letters": lambda: of.sqs.receive_message(QueueUrl=errand.queue("DeadLetter")),
        "publish to the intake": lambda: of.sqs.send_message(QueueUrl=errand.queue("Intake"), MessageBody="x"),
        "purge a queue": lambda: of.sqs.purge_queue(QueueUrl=errand.queue("Low")),
        "list all queues": lambda: of.sqs.list_queues(),
        "invoke a function": lambda: of.functions.invoke(FunctionName=f"{STACK}-enqueue"),
        "change a function": lambda: of.functions.update_function_configuration(
            FunctionName=f"{STACK}-enqueue", Timeout=1),
        "widen its role": lambda: of.iam.put_role_policy(
            RoleName=role_of(errand, function), PolicyName="all", PolicyDocument=json.dumps({"Statement": []})),
        "assume a role": lambda: of.sts.assume_role(
            RoleArn=errand.function("enqueue")["Role"], RoleSessionName="another"),
        "read what is deployed": lambda: of.s3.list_buckets(),
        "change the stack": lambda: of.cloudformation.delete_stack(StackName=STACK),
        "write another's log lines": lambda: of.logs.create_log_stream(
            logGroupName=f"/aws/lambda/{STACK}-{'poller' if function != 'poller' else 'enqueue'}", logStreamName="x"),
    }
    if function == ERASES:
        for what in ("update the log", "update the log in a transaction"):
            del calls[what]
    calls["delete a counter"] = lambda: of.dynamodb.delete_item(TableName=tasks, Key={**task, "pk": {"S": "c#x"}})
    if function != ERASES:
        calls["delete a task"] = lambda: of.dynamodb.delete_item(TableName=tasks, Key={**task, "pk": {"S": "t#x"}})
    if function not in ("enqueue", "intake"):
        calls["publish a refusal"] = lambda: of.sqs.send_message(
            QueueUrl=errand.queue("IntakeDeadLetter"), MessageBody="x")
    event = {"Source": "errand", "DetailType": "x", "Detail": "{}"}
    if function in ("poller", "control", "relay"):
        calls["tell another bus"] = lambda: of.events.put_events(Entries=[event])
    else:
        bus = {"EventBusName": errand.outputs["EventBusName"]}
        calls["tell the bus"] = lambda: of.events.put_events(Entries=[{**event, **bus}])
    if function == "status":
        calls["write a log row"] = lambda: of.dynamodb.put_item(TableName=log, Item=row)
    if function in ("status", "relay"):
        calls["send a task"] = lambda: of.sqs.send_message(QueueUrl=errand.queue("Urgent"), MessageBody="x")
    for kind, of_what in {"t": "task", "r": "record", "c": "counter", "w": "watermark"}.items():
        if kind not in WRITES.get(function, "tr"):
            calls |= writes(of, tasks, f"{kind}#x", of_what)
    if function == "relay":
        calls |= writes(of, tasks, "r#x#user#x", "record that is no event")
    if function in ("enqueue", "intake"):
        calls["read the log"] = lambda: of.dynamodb.query(
            TableName=log, KeyConditionExpression="pk = :a", ExpressionAttributeValues={":a": {"S": "a"}})
    return calls
