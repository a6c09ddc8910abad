"""Python tools in fixed versions, in the virtual environments that `tests/src/venv.rs` makes too.

    python3 tests/deployment/venvs.py NAME REQUIREMENTS

prints where the one of that name is, and makes it if need be.
"""

import fcntl
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def venv(name: str, requirements: str) -> Path:
    """The environment with exactly what `tests/<requirements>` lists, made if it is not there or has another list's."""
    venvs = ROOT / "target/venvs"
    venvs.mkdir(parents=True, exist_ok=True)
    made = venvs.resolve() / name
    listed = ROOT / "tests" / requirements
    wanted = f"# {made}\n{listed.read_text()}"
    with open(made.with_name(f"{name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        marker = made / "made-from.txt"  # written last: one that is half made has none
        if not marker.exists() or marker.read_text() != wanted:
            print(f"making {made} (once)", file=sys.stderr, flush=True)
            subprocess.run([sys.executable, "-m", "venv", "--clear", made], check=True)
            pip = [made / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "--requirement", listed], check=True)
            marker.write_text(wanted)
    return made


if __name__ == "__main__":
    print(venv(*sys.argv[1:]))
