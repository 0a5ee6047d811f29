"""`backedge log`: one line per event."""

import os
import sys
import time

from . import _core, _model, _text


def _place(event):
    return f"{_text.short_path(event['file'])}:{event['line']} {event['function']}"


def _reason(event):
    text = event["text"]
    if event.get("detail"):
        text += f" ({event['detail']})"
    if event.get("reason_line"):
        text += f", line {event['reason_line']}"
    return text


def _details(event):
    kind = event["event"]
    if kind == "recorded":
        return f"{event['instructions']} instructions seen"
    if kind == "compiling":
        return f"#{event['number']} for a {event['why']}, {event['instructions']} IR instructions"
    if kind == "compiled":
        ms = sum(event["ms"].values())
        return f"#{event['number']} {event['code_bytes']} bytes, {event['exits']} exits, {ms:.1f} ms"
    if kind in ("aborted", "blacklisted"):
        return _reason(event)
    if kind == "hot-exit":
        return f"{event['kind']} at line {event['exit_line']} taken {event['count']} times: {event['text']}"
    if kind == "invalidated":
        return str(event["by"])
    if kind == "loop":
        return f"{event['state']}, {_text.number(event['entries'])} entries, {event['compiles']} compiles"
    return ""


def line(event):
    """One line of text; None for what only programs read."""
    if event["event"] in ("end", "header", "loop"):
        return None
    text = f"{event['t']:10.1f} ms  {event['event']:<11}  {_place(event)}"
    details = _details(event)
    return f"{text}  {details}" if details else text


class Printer:
    """Writes events as they happen, each by one system call, to a file descriptor of its own: of this process, those
    that it forks, and those that it spawns, which are given `settings()` (_worker.py). Times are the first one's."""

    def __init__(self, fd, only=(), first=None, zero=None):
        self.fd, self.only = fd, only
        self.file = self._identity()
        self.pid = os.getpid()
        self.first = self.pid if first is None else first
        self.zero = self._zero() if zero is None else zero
        self.shift = self._zero() - self.zero

    @staticmethod
    def _zero():
        """When this process's clock of events began, by a clock that all processes have in common."""
        return 1000 * time.monotonic() - _core.event_clock()

    def _identity(self):
        try:
            stat = os.fstat(self.fd)
        except OSError:
            return None
        return stat.st_dev, stat.st_ino

    def settings(self):
        return {"fd": self.fd, "only": self.only, "first": self.first, "zero": self.zero}

    def __call__(self, event):
        if os.getpid() != self.pid:  # a fork; it may have begun a log of its own, with a clock of its own
            self.pid = os.getpid()
            self.shift = self._zero() - self.zero
        text = line({**event, "t": event["t"] + self.shift})
        if text is None or self.file is None:
            return
        if self.pid != self.first:
            text = f"[{self.pid}] {text}"
        try:
            if self._identity() == self.file:  # the program may have closed it, and have opened another
                _text.write(self.fd, f"{text}\n")
        except OSError:
            self.file = None  # nobody reads it any more


def print_saved(options):
    """All events of all processes in the order in which they happened."""
    logs = [_model.read_log(path) for path in options.logs]
    first = min(log.header["started"] for log in logs)
    events = []
    for log in logs:
        shift = 1000 * (log.header["started"] - first)
        events += [(event["t"] + shift, log.header["pid"], event) for event in log.events]
    events.sort(key=lambda one: one[0])
    for t, pid, event in events:
        text = line({**event, "t": t})
        if text is not None and (not options.only or event["event"] in options.only):
            print(f"[{pid}] {text}" if len(logs) > 1 else text)
    for log in logs:
        if log.cut:
            print(f"backedge: {log.path} was cut off", file=sys.stderr)
    return 0
