"""Builds and deploys as the README says: `sam build`, `sam deploy`, `sam delete`, by a user who may deploy."""

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from stack import REGION
from venvs import ROOT

STACK = "errand"
BUCKET = "artifacts"  # of what is deployed
ARCHITECTURE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"


class Sam:
    """The SAM CLI, with what it builds under `scratch`."""

    def __init__(self, venv: Path, scratch: Path):
        self.venv, self.build_dir = venv, scratch / "build"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.env = inherited | {
            "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}",  # cargo-lambda
            "CARGO_LAMBDA_COMPILER": "cargo",  # built for this machine: no cross compiler
            "__SAM_CLI_APP_DIR": str(venv / "home"), "SAM_CLI_TELEMETRY": "0", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none",
        }

    def build(self, debug: bool, quick: bool):
        """`sam build`, of the release profile unless it is for a look. `quick`: of the profile as it stands in
        Cargo.toml, without what cargo-lambda adds for speed (link-time optimisation, a newer processor)."""
        env = {"SAM_BUILD_MODE": "debug"} if debug else {}
        if quick:
            env["CARGO_LAMBDA_GLOBAL"] = str(Path(__file__).with_name("quick-build.toml"))
        self._run(["build", "--build-dir", self.build_dir, *parameters({})], env)

    def deploys_as(self, keys: tuple[str, str], url: str):
        """From now on it deploys to `url`, as whoever has these keys."""
        self.env |= {"AWS_ACCESS_KEY_ID": keys[0], "AWS_SECRET_ACCESS_KEY": keys[1], "AWS_ENDPOINT_URL": url}

    def deploy(self, overrides: dict[str, str]):
        """`sam deploy` of what was built, with these parameters besides the architecture. Again: an update."""
        # SAM's own bucket lets nobody in without TLS, which MiniStack does not speak here.
        built = ["--template-file", self.build_dir / "template.yaml", "--no-resolve-s3", "--s3-bucket", BUCKET]
        self._run(["deploy", *built, "--no-confirm-changeset", "--no-progressbar", *parameters(overrides)])

    def delete(self):
        """`sam delete`."""
        self._run(["delete", "--stack-name", STACK, "--no-prompts", "--region", REGION])

    def _run(self, arguments: list, env: dict | None = None):
        command = [self.venv / "bin/sam", arguments[0], "--config-file", ROOT / "samconfig.toml", *arguments[1:]]
        started = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, env=self.env | (env or {}), capture_output=True, text=True)
        if done.returncode:
            sys.stderr.write(done.stdout + done.stderr)
            raise SystemExit(f"sam {arguments[0]} failed")
        print(f"sam {arguments[0]}: {time.monotonic() - started:.0f} s", flush=True)


def parameters(overrides: dict[str, str]) -> list[str]:
    values = {"Architecture": ARCHITECTURE} | overrides
    # In quotes, with what is quoted in them escaped: a value may be JSON.
    return ["--parameter-overrides", *(f"{name}={json.dumps(value)}" for name, value in values.items())]
