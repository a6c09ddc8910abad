"""Work that users bring: a type of their own, done by the Python client's worker outside."""

import sys
import threading

from errand import Errand, Tenant
from venvs import ROOT

sys.path.insert(0, str(ROOT / "clients/python"))

from errand_client import ApiError, Client, Worker  # noqa: E402


class Signed(Client):
    """The client as a service uses it: its requests are signed."""

    def __init__(self, tenant: Tenant):
        super().__init__("http://by-another-way")
        self.asked_by = tenant

    def request(self, method, path, body=None, *, key=None, repeatable=None, timeout_s=None, traceparent=None):
        headers = {"idempotency_key": key} if key else {}
        status, answer = self.asked_by.call(method, path, body, **headers)
        if status >= 400:
            raise ApiError(status, answer["error"]["code"], answer["error"]["message"], None, None)
        return answer


def a_type_of_ones_own_is_done_by_a_worker_in_python(errand: Errand):
    acme = errand.tenant("own-work")
    client = Signed(acme)
    client.put_type("resize", schema={"type": "object", "required": ["width"]})
    status, refused = acme.call("POST", "/v1/tasks", {"task_type": "resize", "payload": {}})
    assert (status, refused["error"]["field"]) == (400, "payload"), refused
    worker = Worker(client, capacity=4)

    @worker.task("resize")
    def resize(task):
        if task.payload["width"] == 40 and task.attempt == 1:
            raise OSError("the disk is full")
        task.event("picture.made", {"width": task.payload["width"]})
        return {"width": task.payload["width"] // 2}

    client.put_type("resize", retry={"first_s": 1})
    tasks = {width: client.enqueue("resize", {"width": width})["id"] for width in range(10, 60, 10)}
    threading.Thread(target=worker.run, daemon=True).start()
    try:
        for width, task in tasks.items():
            done = acme.completed(task)
            assert done["output"] == {"width": width // 2}, done
        assert acme.log(tasks[40]) == [("execution", "retry"), ("execution", "completed")]
    finally:
        worker.stop()
    heard = [task_type["name"] for task_type in acme.get("/v1/task-types")["items"]]
    assert "resize" in heard and "resize" not in str(errand.tenant("elsewhere").get("/v1/task-types")), heard
