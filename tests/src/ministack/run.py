"""Runs MiniStack until standard input ends: its writer is the test process, whose death, however it comes, closes it."""

import os
import signal
import sys
import threading

# What MiniStack starts (functions) must neither read this pipe nor outlive it.
alive = os.dup(0)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)


def watch():
    while os.read(alive, 4096):
        pass
    os.killpg(0, signal.SIGKILL)  # a process group of our own, made by whoever started us


threading.Thread(target=watch, daemon=True).start()
sys.argv = ["ministack"]
from ministack.app import main  # noqa: E402 (slow; the watch must be on before)

main()
