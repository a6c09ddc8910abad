#!/usr/bin/env python3
"""The deployment test: deploys Errand to a MiniStack that enforces IAM and uses it as its users would.

    python3 tests/deployment/run.py

needs Rust 1.95, a C compiler and Python 3.11 with venv; it makes the rest itself under `target`.
"""

import argparse
import os
import shutil
import signal
import sys
import time

from venvs import ROOT, venv

ARGUMENTS = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ARGUMENTS.add_argument("only", nargs="?", default="", help="only what has this in its name")
HOW = ARGUMENTS.add_mutually_exclusive_group()
HOW.add_argument("--quick", action="store_true", help="deploy the tests' binaries: debug builds, so figures mean nothing")
HOW.add_argument("--no-build", action="store_true", help="deploy what `sam build` made last")


def main() -> bool:
    """Whether all went well."""
    import figures
    from accounts import MAY_DEPLOY, Account
    from deploy import BUCKET, Sam
    from errand import Errand
    from journeys import agents, control, effects, events, outside, page, permissions, process, read, schedule, update
    from journeys import groups, push, recurring, tools, ways_in, work
    from journeys import own, take, travel
    from listener import Listener
    from losses import lose
    from stack import MiniStack

    asked = ARGUMENTS.parse_args()
    scratch = ROOT / "target/deployment"
    sam = Sam(venv("sam", "requirements-sam.txt"), scratch)
    if asked.quick:
        sam.lay_out()
    elif not asked.no_build:
        sam.build()
    run = scratch / "run"
    shutil.rmtree(run, ignore_errors=True)  # kept until now, to be looked at
    stack = MiniStack(venv("ministack", "requirements.txt") / "bin/python", run)
    try:
        account = Account(stack.url)
        deployer = account.user("deployer", {action: ["*"] for action in MAY_DEPLOY})
        deployer.s3.create_bucket(Bucket=BUCKET)
        sam.deploys_as(deployer.keys, stack.url)
        listener = Listener()
        # A task whose worker is killed now and then, as below, must not fail for it.
        parameters = {"MaxLosses": "1000", "ScriptedTasks": "true", **agents.PARAMETERS, **push.PARAMETERS}
        updated = {**parameters, "MaxRetries": "7", "EventWebhookUrl": listener.url}
        sam.deploy(parameters)
        errand = Errand(account, stack, listener)
        if any(asked.only in f"schedule.{name}" for name, _ in own(schedule)):
            errand.lost = lose(errand)
        well = travel([ways_in, process, schedule, control, effects, events, read, agents, work, push, tools, groups, recurring], errand, asked.only)
        for name, step, *arguments in (
            ("permissions.needed", permissions.every_role_was_asked_for_all_it_may_and_nothing_was_refused),
            ("permissions.others", permissions.no_function_may_do_what_is_not_its_own),
            ("update.update", update.update, sam, updated),
            ("figures.kills", figures.kills),
            # While what was killed waits to be looked at.
            ("figures.cost", figures.cost),
            ("figures.unreadable", figures.unreadable),
            ("update.nothing_in_flight_was_lost", update.nothing_in_flight_was_lost),
            ("figures.nothing_killed_was_lost", figures.nothing_killed_was_lost),
            ("page.is_there", page.the_page_is_there_where_people_sign_in_and_nowhere_else, sam, updated),
            ("update.delete", update.delete, sam),
            ("outside.own_types_run", outside.own_types_run, sam, asked.quick),
        ):
            if asked.only in name:
                well &= take(name, step, errand, *arguments)
        return well
    finally:
        stack.stop()


if __name__ == "__main__":
    # boto3 is in the environment of MiniStack.
    python = venv("ministack", "requirements.txt") / "bin/python"
    if sys.prefix != str(python.parents[1]):
        os.execv(python, [python, *sys.argv])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that it tears down as it does on Ctrl-C
    started = time.monotonic()
    well = main()
    print(f"{'ok' if well else 'FAILED'}: {time.monotonic() - started:.0f} s in all")
    sys.exit(not well)
