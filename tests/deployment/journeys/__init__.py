"""What users of the deployed Errand do. A journey is a function of the deployment; its name says what must be so."""

import inspect
import queue
import threading
import time
import traceback
from types import ModuleType


def travel(modules: list[ModuleType], errand, only: str = "") -> bool:
    """Takes every journey of `modules` whose name contains `only`, all at once, as users would: whether all went well."""
    journeys = {f"{module.__name__.split('.')[-1]}.{name}": journey for module in modules for name, journey in own(module)}
    arrived = queue.SimpleQueue()
    going = [(name, journey) for name, journey in journeys.items() if only in name]
    for name, journey in going:
        # Daemons, so that Ctrl-C does not wait for them.
        threading.Thread(target=lambda *who: arrived.put(timed(*who)), args=(name, journey, errand), daemon=True).start()
    well = True
    for _ in going:
        name, seconds, problem = arrived.get()
        print(f"{'FAILED' if problem else 'ok':6} {name} ({seconds:.0f} s)", flush=True)
        if problem:
            print(problem, flush=True)
            well = False
    return well


def own(module: ModuleType):
    """The journeys a module has: its public functions that take the deployment and nothing else."""
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if function.__module__ == module.__name__ and list(inspect.signature(function).parameters) == ["errand"]:
            yield name, function


def timed(name: str, journey, errand) -> tuple[str, float, str]:
    """The journey's name, how long it took, and what went wrong."""
    started, problem = time.monotonic(), ""
    try:
        journey(errand)
    except Exception:
        problem = traceback.format_exc()
    return name, time.monotonic() - started, problem
