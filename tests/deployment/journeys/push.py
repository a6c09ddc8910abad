"""Work that is called for: a type whose tasks are posted to a server of a user's own."""

import base64
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from errand import Errand, eventually, send
from journeys.work import Signed

from errand_client import Push  # found by the former

# What seals the type's secret; and its server is on this machine.
PARAMETERS = {"SecretKey": base64.b64encode(os.urandom(32)).decode(), "PrivateTargets": "true"}


def a_target_answers_at_once_or_later_and_nobody_else_answers_in_its_place(errand: Errand):
    acme = errand.tenant("push")
    target = Target()
    put = Signed(acme).put_type("thumbnail", {"kind": "http", "url": target.url}, retry={"first_s": 1})
    target.knows("thumbnail", put["signing_secret"])
    at_once = {width: acme.enqueue({"width": width}, "thumbnail") for width in range(10, 60, 10)}
    for width, task in at_once.items():
        assert acme.completed(task)["output"] == {"width": width // 2}, width
    assert acme.log(at_once[40]) == [("execution", "retry"), ("execution", "completed")]

    later = acme.enqueue({"width": "later"}, "thumbnail")
    callback = eventually(lambda: target.callbacks.get(later), bool)
    # Parked: it is nobody's here, and still running.
    assert eventually(lambda: acme.task(later), lambda task: task["status"] == "running")["executions"] == 1
    end = {"status": "completed", "output": {"by": "callback"}}
    forged = callback[:-1] + ("A" if callback[-1] != "A" else "B")
    assert post(errand, forged, end)[0] in (401, 403, 404), post(errand, forged, end)
    status, _ = post(errand, f"{callback}/heartbeat", {"lease_s": 120})
    assert status == 200, status
    # Said twice, it is taken once.
    assert [post(errand, callback, end)[0] for _ in range(2)] == [200, 200]
    assert acme.completed(later)["output"] == {"by": "callback"}
    assert acme.log(later) == [("execution", "completed")]


def post(errand: Errand, url: str, body: dict) -> tuple[int, dict]:
    """To a callback, whose URL is all the credential there is."""
    headers = {"host": errand.host, "content-type": "application/json"}
    return send(errand.port, "POST", urlsplit(url).path, json.dumps(body), headers)


class Target:
    """A server with the Python client's helper, which fails once at the width 40, and answers `later` by nothing but that it was
    taken; `callbacks` has where each of those is to be answered."""

    def __init__(self):
        self._push, self.callbacks = Push(), {}
        target = self

        class Called(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = dict(self.headers.items())
                status, headers, said = target._push.handle(headers, body)
                if status == 200 and json.loads(body)["width"] == "later":
                    target.callbacks[self.headers["errand-task-id"]] = self.headers["errand-callback"]
                    status, headers, said = 202, {"errand-lease": "600"}, b""
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Called)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}/thumbnail"

    def knows(self, task_type: str, secret: str):
        """From now on it does the tasks of a type."""

        @self._push.task(task_type, secret)
        def thumbnail(task):
            if task.payload["width"] == "later":
                return None
            if task.payload["width"] == 40 and task.attempt == 1:
                raise OSError("the disk is full")
            return {"width": task.payload["width"] // 2}
