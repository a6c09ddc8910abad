"""A server that a script kills: the program on one file, whatever becomes of its processes."""

import collections
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients/python"))

from errand_client import Client  # noqa: E402


class Server:
    """See the module; `client` asks the process that runs."""

    def __init__(self, program: str, data: str):
        self.command = [program, "--port", "0", "--data", data, "--max-losses", "1000", "--scripted"]
        self.start()

    def start(self) -> None:
        self.running = subprocess.Popen(self.command, stderr=subprocess.PIPE, text=True)
        assert self.running.stderr is not None
        url = next(word for line in self.running.stderr for word in line.split() if word.startswith("http://"))
        # So that it is not held up by what it has to say.
        threading.Thread(target=collections.deque, args=(self.running.stderr, 0), daemon=True).start()
        self.client = Client(url)

    def kill(self) -> None:
        self.running.kill()
        self.running.wait()
