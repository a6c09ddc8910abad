"""The functions' processes, from /proc: who they are, what they used, and their end."""

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """One that runs a function. `variables`: its environment, credentials of its role included."""

    pid: int
    function: str
    variables: dict = field(compare=False)


def functions(stack_pid: int, name: str = "") -> list[Process]:
    """The children of MiniStack that run the function `name`, or any."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            # The fields after the program's name, which may itself have spaces: state, parent, …
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent != stack_pid:
                continue
            pairs = (entry / "environ").read_bytes().decode(errors="replace").split("\0")
        except (OSError, ValueError, IndexError):
            continue  # no process, or one that has just ended
        variables = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        function = variables.get("AWS_LAMBDA_FUNCTION_NAME", "")
        if function and name in ("", function):
            found.append(Process(int(entry.name), function, variables))
    return found


def kill(process: Process) -> bool:
    """Ends it as a crash does; whether it was still there."""
    try:
        os.kill(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def cpu_s(process: Process) -> tuple[float, float]:
    """The processor time it has used, for itself and in the kernel for it; none if it is gone."""
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0, 0.0
    ticks_a_s = os.sysconf("SC_CLK_TCK")
    return int(fields[11]) / ticks_a_s, int(fields[12]) / ticks_a_s


def peak_mb(process: Process) -> float:
    """The most memory it has held (resident), in MB of 10^6 bytes; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    (peak,) = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")] or [0]
    return peak * 1024 / 1e6
