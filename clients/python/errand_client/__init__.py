"""Errand in Python: enqueue tasks, do them as a worker, or answer when Errand calls. The standard library is all it needs."""

from .client import ApiError, Client, Unreachable
from .outcome import Blocked, Cancelled, Context, Permanent, Released, RetryAfter, Snooze
from .push import Push, verify
from .worker import Worker

__all__ = [
    "ApiError", "Blocked", "Cancelled", "Client", "Context", "Permanent", "Push", "Released", "RetryAfter", "Snooze",
    "Unreachable", "Worker", "verify",
]
