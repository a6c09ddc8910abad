"""Errand as it is deployed, from outside: its HTTP API, its queues, its functions."""

import http.client
import json
import time
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from accounts import Account, Clients
from deploy import STACK
from listener import Listener, Subscriber
from stack import REGION, MiniStack

# After how long what is still not so counts as hanging, on a machine that has other things to do.
HANGS_S = 150

ENDED = ("completed", "failed", "cancelled", "blocked")


class Errand:
    """The deployed stack. `service`: a service that uses it, `operator`: a person with the console, `stranger`: nobody.
    `events`: whoever listens to what handlers publish, `bus`: who has a rule on the bus; `stack_pid`: the process whose
    children are the functions; `decisions`: what IAM decided; `lost`: tasks by what became of their messages;
    `in_flight`: tasks that an update met."""

    def __init__(self, account: Account, stack: MiniStack, events: Listener):
        self.account, self.root = account, account.root
        self.events, self.stack_pid, self.decisions = events, stack.process.pid, stack.decisions
        self.lost: dict[str, dict] = {}
        self.in_flight: list[str] = []
        (deployed,) = self.root.cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in deployed["Outputs"]}
        api = urlsplit(self.outputs["ApiUrl"])
        self.host, self.port = api.netloc, urlsplit(account.url).port
        api_arn = f"arn:aws:execute-api:{REGION}:*:{api.hostname.split('.')[0]}/*"
        enqueue = self.function("enqueue")["FunctionArn"]
        self.service = account.user("service", {
            "execute-api:Invoke": [api_arn],
            "sqs:SendMessage": [self.outputs["IntakeQueueArn"]],
            "lambda:InvokeFunction": [enqueue],
        })
        dead = [self.outputs["DeadLetterQueueArn"], self.outputs["IntakeDeadLetterQueueArn"]]
        work = [arn for name, arn in self.outputs.items() if name.endswith("QueueArn")]
        self.operator = account.user("operator", {
            "sqs:ReceiveMessage": dead, "sqs:DeleteMessage": dead, "sqs:SendMessage": work, "sqs:PurgeQueue": work,
            "sqs:GetQueueAttributes": work,
        })
        self.stranger = account.user("stranger", {})
        self.bus = Subscriber(account, self.outputs["EventBusArn"], ["bus", "lost", "asked-1", "asked-2"])

    def function(self, name: str) -> dict:
        """The configuration of a function, as it is deployed."""
        return self.root.functions.get_function_configuration(FunctionName=f"{STACK}-{name}")

    def tenant(self, name: str) -> "Tenant":
        """The API as the service asks it for a tenant."""
        return Tenant(self, name)

    def queue(self, name: str) -> str:
        """The URL of a queue: Urgent, …, Intake, DeadLetter, IntakeDeadLetter."""
        return self.outputs[f"{name}QueueUrl"]

    def depth(self, name: str) -> tuple[int, int, int]:
        """How many messages of a queue are visible, hidden, delayed."""
        names = ["", "NotVisible", "Delayed"]
        names = [f"ApproximateNumberOfMessages{name}" for name in names]
        got = self.operator.sqs.get_queue_attributes(QueueUrl=self.queue(name), AttributeNames=names)["Attributes"]
        return tuple(int(got[name]) for name in names)

    def letters(self, queue: str, of: str, count: int = 1, within_s: float = HANGS_S) -> list[dict]:
        """The `count` messages on a dead-letter queue that speak of `of`, taken off it; others are left there."""
        found, url, sqs = [], self.queue(queue), self.operator.sqs
        until = time.monotonic() + within_s
        while len(found) < count and time.monotonic() < until:
            got = sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=1, MessageAttributeNames=["All"]
            )
            for letter in got.get("Messages", []):
                if of in letter["Body"]:
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=letter["ReceiptHandle"])
                    found.append(letter)
            time.sleep(0.2)
        assert len(found) >= count, f"{len(found)} letters about {of} on {queue}, not {count}"
        return found


class Tenant:
    """One tenant's view of the API."""

    def __init__(self, errand: Errand, name: str):
        self.errand, self.name = errand, name

    def call(self, method: str, path: str, body=None, clients: Clients | None = None, **headers: str):
        """Sends a signed request (by the service, unless by someone else): the status and the answer."""
        data = None if body is None else json.dumps(body)
        headers = {"x-errand-tenant": self.name, **{name.replace("_", "-"): value for name, value in headers.items()}}
        request = AWSRequest(method, f"http://{self.errand.host}{path}", headers=headers, data=data)
        credentials = (clients or self.errand.service).session.get_credentials()
        SigV4Auth(credentials, "execute-api", REGION).add_auth(request)
        return send(self.errand.port, method, path, data, {**request.headers, "host": self.errand.host})

    def get(self, path: str) -> dict:
        """What a read answers; it must answer."""
        status, answer = self.call("GET", path)
        assert status == 200, (path, status, answer)
        return answer

    def post(self, path: str, body: dict, new: bool = False, **headers: str) -> dict:
        """What a `POST` answers; it must be done, and what it makes is new only if so said."""
        status, answer = self.call("POST", path, body, **headers)
        assert status == (201 if new else 200), (path, status, answer)
        return answer

    def act(self, task: str, what: str, body: dict | None = None, **headers: str) -> dict:
        """What `POST /v1/tasks/{task}/{what}` answers; it must be done."""
        return self.post(f"/v1/tasks/{task}/{what}", body or {}, **headers)

    def enqueue(self, payload: dict, task_type: str = "scripted", **fields) -> str:
        """The id of a new task."""
        status, task = self.call("POST", "/v1/tasks", {"task_type": task_type, "payload": payload, **fields})
        assert status == 201, (status, task)
        return task["id"]

    def task(self, task: str) -> dict:
        return self.get(f"/v1/tasks/{task}")

    def has_open(self) -> bool:
        """Whether any task of the default queue is pending or running. (A page may be empty and not the last: what it
        was to show has ended meanwhile.)"""
        status, page = self.call("GET", "/v1/tasks?limit=1")
        return status != 200 or page["count"] > 0 or page.get("cursor") is not None

    def log(self, task: str) -> list[tuple[str, str]]:
        """The task's rows in the action log: kind and outcome."""
        return [(row["kind"], row["outcome"]) for row in self.get(f"/v1/tasks/{task}/log")["items"]]

    def ended(self, task: str, within_s: float = HANGS_S) -> dict:
        """The task once it has ended."""
        return eventually(lambda: self.task(task), lambda it: it["status"] in ENDED, within_s)

    def completed(self, task: str, within_s: float = HANGS_S) -> dict:
        """The task once it is completed, which it must be."""
        ended = self.ended(task, within_s)
        assert ended["status"] == "completed", ended
        return ended


def send(port: int, method: str, path: str, data: str | None, headers: dict) -> tuple[int, dict]:
    """One HTTP request over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, data, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read() or b"null")
    finally:
        connection.close()


def eventually(read, good, within_s: float = HANGS_S, every_s: float = 0.5):
    """What `read` says once it is good; another process is at work, so there is nothing to do but ask."""
    until = time.monotonic() + within_s
    while True:
        said = read()
        if good(said):
            return said
        assert time.monotonic() < until, f"not within {within_s} s; the last answer was {str(said)[:1000]}"
        time.sleep(every_s)
