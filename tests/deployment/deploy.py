"""Builds and deploys as the README says: `sam build`, `sam deploy`, `sam delete`, by a user who may deploy. For a quick
run it lays out the tests' binaries in place of the first."""

import json
import os
import platform
import re
import shutil
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
    """The SAM CLI, with what it deploys under `scratch`: what it built, unless the tests' binaries are laid out."""

    def __init__(self, venv: Path, scratch: Path):
        self.venv, self.scratch, self.template = venv, scratch, scratch / "build/template.yaml"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.env = inherited | {
            "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}",  # cargo-lambda
            "CARGO_LAMBDA_COMPILER": "cargo",  # built for this machine: no cross compiler
            "__SAM_CLI_APP_DIR": str(venv / "home"), "SAM_CLI_TELEMETRY": "0", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none",
        }

    def build(self):
        """`sam build`: release builds, as cargo-lambda optimises them."""
        self._run(["build", "--build-dir", self.template.parent, *parameters({})])

    def build_outside(self):
        """The same of the package that stands for another repository, with the template that docs/engine.md has it make."""
        self.template = self.scratch / "build-outside/template.yaml"
        made = self.scratch / "outside.yaml"
        made.write_text(made_for_outside())
        self._run(["build", "--template-file", made, "--base-dir", ROOT / "tests/outside", "--build-dir",
                   self.template.parent, *parameters({})])

    def lay_out(self):
        """What the tests start as functions, in place of a build: the same code, and compiled with them. The template
        is as it is, and beside it are the folders that it names, with a program in place of a package's source."""
        template = (ROOT / "infra/template.yaml").read_text()
        self._lay_out("quick/infra", template, "../functions/", built("lambda-"))

    def lay_out_outside(self):
        """The same of the package that stands for another repository. All its programs are of one package: each has a
        folder of its own here."""
        template = re.sub(r"(Binary: outside-([\w-]+) .*?CodeUri: lambda)", r"\1/\2", made_for_outside(), flags=re.S)
        self._lay_out("quick-outside", template, "lambda/", built("outside-"))

    def _lay_out(self, folder: str, template: str, functions: str, binaries: list[tuple[str, str]]):
        shutil.rmtree((self.scratch / folder.split("/")[0]), ignore_errors=True)
        self.template = self.scratch / folder / "template.yaml"
        self.template.parent.mkdir(parents=True)
        self.template.write_text(template)
        for name, binary in binaries:
            into = (self.template.parent / functions / name).resolve()
            into.mkdir(parents=True)
            subprocess.run(["strip", "-o", into / "bootstrap", binary], check=True)  # half of it are names for a debugger

    def deploys_as(self, keys: tuple[str, str], url: str):
        """From now on it deploys to `url`, as whoever has these keys."""
        self.env |= {"AWS_ACCESS_KEY_ID": keys[0], "AWS_SECRET_ACCESS_KEY": keys[1], "AWS_ENDPOINT_URL": url}

    def deploy(self, overrides: dict[str, str]):
        """`sam deploy` of what was built, with these parameters besides the architecture. Again: an update."""
        # SAM's own bucket lets nobody in without TLS, which MiniStack does not speak here.
        built = ["--template-file", self.template, "--no-resolve-s3", "--s3-bucket", BUCKET]
        self._run(["deploy", *built, "--no-confirm-changeset", "--no-progressbar", *parameters(overrides)])

    def delete(self):
        """`sam delete`."""
        self._run(["delete", "--stack-name", STACK, "--no-prompts", "--region", REGION])

    def _run(self, arguments: list):
        command = [self.venv / "bin/sam", arguments[0], "--config-file", ROOT / "samconfig.toml", *arguments[1:]]
        started = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True)
        if done.returncode:
            sys.stderr.write(done.stdout + done.stderr)
            raise SystemExit(f"sam {arguments[0]} failed")
        print(f"sam {arguments[0]}: {time.monotonic() - started:.0f} s", flush=True)


def made_for_outside() -> str:
    """The template that the command of docs/engine.md makes for another repository. In this one the programs have names of their own, since
    those of the functions are taken."""
    (command,) = re.findall(r"^(sed .*) > template.yaml$", (ROOT / "docs/engine.md").read_text(), re.M)
    command = command.replace("ERRAND/", f"{ROOT}/")
    made = subprocess.run(command, shell=True, stdout=subprocess.PIPE, text=True, check=True).stdout
    return made.replace("Binary: ", "Binary: outside-")


def built(prefix: str) -> list[tuple[str, str]]:
    """Each function's name and its binary, which has this prefix, as `cargo test --workspace` builds it: nothing is built
    if that has run."""
    build = ["cargo", "build", "--locked", "--workspace", "--bin", f"{prefix}*"]
    build += ["--message-format", "json-render-diagnostics"]
    said = subprocess.run(build, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    made = [message for message in map(json.loads, said.splitlines()) if message.get("executable")]
    return [(message["target"]["name"].removeprefix(prefix), message["executable"]) for message in made]


def parameters(overrides: dict[str, str]) -> list[str]:
    values = {"Architecture": ARCHITECTURE} | overrides
    # In quotes, with what is quoted in them escaped: a value may be JSON.
    return ["--parameter-overrides", *(f"{name}={json.dumps(value)}" for name, value in values.items())]
