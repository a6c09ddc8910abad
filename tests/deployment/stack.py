"""MiniStack with IAM enforced: a process on a free port whose life is tied to this one's (see src/ministack/run.py)."""

import json
import os
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

from venvs import ROOT

REGION = "us-east-1"

# The account's root, which MiniStack lets do anything: for setting up and looking on, never for what is tested.
ROOT_KEYS = ("test", "test")


class MiniStack:
    """A running one. `decisions` has what its IAM decided, `log` what it said."""

    def __init__(self, python: Path, scratch: Path):
        scratch.mkdir(parents=True, exist_ok=True)
        self.decisions_file, self.log = scratch / "decisions.jsonl", scratch / "ministack.log"
        self.decisions_file.write_text("")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        mine = {
            "AUTH": "true", "GATEWAY_PORT": str(self.port), "BIND_HOST": "127.0.0.1", "AWS_ENDPOINT_URL": self.url,
            "IOT_MTLS_ENABLED": "0", "TMPDIR": str(scratch), "IAM_DECISIONS": str(self.decisions_file),
        }
        launcher = Path(__file__).with_name("launch.py")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [python, launcher], cwd=ROOT, env=inherited | mine, stdin=subprocess.PIPE, stdout=log, stderr=log,
                process_group=0,
            )
        self._await()

    def _await(self):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2).close()
                return
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise SystemExit(f"MiniStack did not start; it said:\n{self.log.read_text()}")

    def decisions(self) -> list[tuple[str, str, str, bool]]:
        """Every (principal's ARN, action, resource's ARN, whether it was allowed) so far, once."""
        lines = self.decisions_file.read_text(encoding="utf-8").splitlines()
        return [tuple(json.loads(line)) for line in lines]

    def stop(self):
        """Ends it and every function it runs."""
        self.process.stdin.close()
        self.process.wait(timeout=30)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
