"""Events as they happen: callbacks in this process, and the last words of worker processes."""

import sys

from . import _core

_subscriptions = []


class Subscription:
    """What `on_event` gives: `close()` ends it, as does the end of a `with` block."""

    def __init__(self, callback, kinds):
        self.callback, self.kinds = callback, kinds

    def close(self):
        if self in _subscriptions:
            _subscriptions.remove(self)
        if not _subscriptions and _core is not None:
            _core.on_event(None)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def _receiver():
    """The function that the core calls with each event's text. What a callback raises, the core reports as unraisable:
    the program must not notice."""
    import json

    def backedge_on_event(text):
        event = json.loads(text)
        errors = []
        for subscription in tuple(_subscriptions):
            if subscription.kinds is None or event["event"] in subscription.kinds:
                try:
                    subscription.callback(event)
                except Exception as error:
                    errors.append(error)
        if errors:
            raise errors[0] if len(errors) == 1 else ExceptionGroup("callbacks failed", errors)

    return backedge_on_event


def on_event(callback, *kinds):
    if not callable(callback):
        raise TypeError(f"backedge.on_event needs a callable, not {type(callback).__name__}")
    known = {} if _core is None else _core.event_kinds()
    for kind in kinds:
        if _core is not None and kind not in known:
            raise ValueError(f"there is no event {kind!r}; there are: {', '.join(known)}")
    subscription = Subscription(callback, frozenset(kinds) or None)
    if _core is None:
        return subscription
    if not _subscriptions:
        _core.on_event(_receiver())
        follow_workers()
    _subscriptions.append(subscription)
    return subscription


# ---- worker processes ----
# Those of multiprocessing end by os._exit, without atexit functions: their last events (each loop's totals) are written
# by a finalizer of its own. Finalizers are forgotten when a worker starts, then functions registered "after fork" run.
_following = False
_token = None


class _Token:
    """Keeps the registration: multiprocessing holds it by a weak reference."""


def _at_worker_exit(_=None):
    util = sys.modules["multiprocessing.util"]
    util.Finalize(None, _core.finish_events, exitpriority=-1000)


def _prepare_worker():
    global _token
    util = sys.modules.get("multiprocessing.util")
    if util is None:
        return
    _token = _Token()
    util.register_after_fork(_token, _at_worker_exit)
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        _at_worker_exit()


def follow_workers():
    global _following
    if _following:
        return
    _following = True
    import os

    os.register_at_fork(after_in_child=_prepare_worker)
    _prepare_worker()
