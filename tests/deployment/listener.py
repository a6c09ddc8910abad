"""Whoever listens: an HTTP server that keeps what is posted to it, and a service with a rule on the event bus."""

import http.server
import json
import threading
import time

from botocore.exceptions import ConnectionClosedError, EndpointConnectionError

from accounts import Account


class Listener:
    """One on a free port; `got` has the events in the order they came."""

    def __init__(self):
        self.got = got = []

        class Takes(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Takes)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}/"


class Subscriber:
    """A service with a queue of its own and a rule on the bus for the events of these tenants; `got` has what came."""

    RULE = "heard"

    def __init__(self, account: Account, bus_arn: str, tenants: list[str]):
        rights = {"events:*": ["*"], "sqs:*": [f"arn:aws:sqs:*:*:{self.RULE}"]}
        self.of, self.bus, self.got = account.user("subscriber", rights), bus_arn.rsplit("/", 1)[1], []
        url = self.of.sqs.create_queue(QueueName=self.RULE)["QueueUrl"]
        named = self.of.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        may_send = {
            "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": named,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [may_send]})
        self.of.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        pattern = {"source": ["errand"], "detail": {"tenant": tenants}}
        self.of.events.put_rule(Name=self.RULE, EventBusName=self.bus, EventPattern=json.dumps(pattern))
        self.of.events.put_targets(
            Rule=self.RULE, EventBusName=self.bus, Targets=[{"Id": "queue", "Arn": named}])
        self.here = threading.Event()
        self.here.set()
        threading.Thread(target=self._listen, args=(url,), daemon=True).start()

    def of_tenant(self, tenant: str) -> list[tuple[str, dict]]:
        """What was heard of a tenant: the type and the detail of each event."""
        return [(event["detail-type"], event["detail"]) for event in self.got if event["detail"]["tenant"] == tenant]

    def leave(self):
        """Takes the rule back: a bus with rules cannot be deleted."""
        self.here.clear()
        self.of.events.remove_targets(Rule=self.RULE, EventBusName=self.bus, Ids=["queue"])
        self.of.events.delete_rule(Name=self.RULE, EventBusName=self.bus)

    def _listen(self, url: str):
        while self.here.is_set():
            try:
                got = self.of.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            except (EndpointConnectionError, ConnectionClosedError):
                return  # the stack was stopped
            for message in got:
                self.got.append(json.loads(message["Body"]))
                self.of.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            if not got:
                time.sleep(0.5)
