"""Agents' tools: task types of a user's own, asked for by the official client of the Model Context Protocol."""

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from errand import HANGS_S, Errand, Tenant
from journeys.work import Signed
from venvs import ROOT, venv

from errand_client import Blocked, Worker  # found by the former


def an_agent_has_work_done_by_the_official_client(errand: Errand):
    python = venv("mcp", "requirements-mcp.txt") / "bin/python"
    for mode in ("2026-07-28", "auto", "legacy"):
        acme = errand.tenant(f"agent-{mode}")
        worker = offering(acme)
        threading.Thread(target=worker.run, daemon=True).start()
        signing = Signing(acme)
        try:
            command = [python, Path(ROOT) / "tests/deployment/agent.py", signing.url, mode]
            ended = subprocess.run(command, capture_output=True, text=True, timeout=HANGS_S)
            assert ended.returncode == 0, f"{mode}: {ended.stderr}"
        finally:
            worker.stop()
            signing.stop()


def offering(acme: Tenant) -> Worker:
    """A worker of types, some of which agents see."""
    client = Signed(acme)
    named = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    for name, seen in {"greet": True, "delete_file": True, "hidden": False}.items():
        client.put_type(name, schema=named, mcp=seen)
    worker = Worker(client)

    @worker.task("greet")
    def greet(task):
        return f"Hello, {task.payload['name']}!"

    @worker.task("delete_file")
    def delete_file(task):
        if task.redrive_note is None:
            raise Blocked(f"May {task.payload['name']} be deleted?")
        return {"deleted": task.payload["name"], "note": task.redrive_note}

    return worker


class Signing:
    """A server on this machine that passes what it is asked on to `/mcp`, signed: the client knows nothing of IAM."""

    def __init__(self, tenant: Tenant):
        class Signs(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                sent = {name.lower(): value for name, value in self.headers.items()}
                passed = {name: sent[name] for name in sent if name.startswith(("mcp-", "accept", "content-type"))}
                status, answer = tenant.call("POST", "/mcp", body, **passed)
                said = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def do_GET(self):
                self.send_error(405)

            do_DELETE = do_GET

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Signs)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/mcp"

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
