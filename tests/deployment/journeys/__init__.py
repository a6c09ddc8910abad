"""What users of the deployed Errand do. A journey is a function of the deployment; its name says what must be so."""

import functools
import inspect
import queue
import threading
import time
import traceback
from collections.abc import Callable
from types import ModuleType


def travel(modules: list[ModuleType], errand, only: str = "") -> bool:
    """Takes every journey of `modules` whose name contains `only`, all at once: whether all went well."""
    journeys = {f"{of.__name__.split('.')[-1]}.{name}": journey for of in modules for name, journey in own(of)}
    arrived = queue.SimpleQueue()
    going = [(name, journey) for name, journey in journeys.items() if only in name]
    for name, journey in going:
        # Daemons, so that Ctrl-C does not wait for them.
        call = functools.partial(take, name, journey, errand)
        threading.Thread(target=lambda call: arrived.put(call()), args=(call,), daemon=True).start()
    well = True
    for _ in going:
        well &= arrived.get()
    return well


def own(module: ModuleType):
    """The journeys a module has: its public functions that take the deployment and nothing else."""
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if function.__module__ == module.__name__ and list(inspect.signature(function).parameters) == ["errand"]:
            yield name, function


def take(name: str, journey: Callable, *arguments) -> bool:
    """Takes one journey and prints how it went, with what it has to say: whether it went well."""
    started, problem, said = time.monotonic(), "", ""
    try:
        said = journey(*arguments) or ""
    except Exception:
        problem = traceback.format_exc()
    went, took_s = "FAILED" if problem else "ok", time.monotonic() - started
    print(f"{went:6} {name} ({took_s:.0f} s)" + (f": {said}" if said else "") + f"\n{problem}", end="", flush=True)
    return not problem
