"""`backedge trace-events`: recording and compiling over time, as Chrome's trace events (chrome://tracing, Perfetto).

Recordings, and compiles from when a region is handed to the compiler until its code is published, may overlap: they are
asynchronous spans. What happens in a moment is an instant event. Times are microseconds since the first process began.
"""

import json

from . import _text

_OPENS = {"recording": "recording", "compiling": "compiling"}
_CLOSES = {"recorded": ("recording",), "compiled": ("compiling",), "aborted": ("compiling", "recording")}
_CLOSES["blacklisted"] = _CLOSES["aborted"]
_INSTANTS = ("aborted", "blacklisted", "hot-exit", "invalidated")
_IDENTITY = ("event", "t", "loop", "file", "line", "function", "offset")


def _name(event):
    return f"{event['function']} {_text.short_path(event['file'])}:{event['line']}"


def _details(event):
    return {"loop": event["loop"], **{key: value for key, value in event.items() if key not in _IDENTITY}}


class _Process:
    """The events of one process's log."""

    def __init__(self, log, first):
        self.pid, self.shift = log.header["pid"], log.header["started"] - first
        self.events, self.open, self.spans = [], {}, 0
        self._add("M", "process_name", 0, args={"name": " ".join(log.header["argv"])})
        self._add("M", "thread_name", 0, args={"name": "backedge"})
        last = 0
        for event in log.events:
            last = max(last, event["t"])
            if "loop" in event:
                self._event(event)
        for loop, what in list(self.open):
            self._close(loop, what, last, {"unfinished": True})

    def _add(self, phase, name, ms, **more):
        ts = round(1e6 * self.shift + 1e3 * ms, 3)
        self.events.append({"ph": phase, "name": name, "pid": self.pid, "tid": self.pid, "ts": ts, **more})

    def _close(self, loop, what, ms, args):
        name, number = self.open.pop((loop, what))
        self._add("e", name, ms, cat=what, id=number, args=args)

    def _event(self, event):
        kind, loop, ms = event["event"], event["loop"], event["t"]
        for what in _CLOSES.get(kind, ()):
            if (loop, what) in self.open:
                self._close(loop, what, ms, _details(event))
        if kind in _OPENS and (loop, _OPENS[kind]) not in self.open:
            self.spans += 1
            name, number = _name(event), f"{self.pid}.{self.spans}"
            self.open[loop, _OPENS[kind]] = name, number
            self._add("b", name, ms, cat=_OPENS[kind], id=number, args=_details(event))
        elif kind in _INSTANTS:
            self._add("i", f"{kind}: {_name(event)}", ms, cat=kind, s="t", args=_details(event))


def trace_events(logs):
    """The JSON object format of the trace event format, as a dict."""
    first = min((log.header["started"] for log in logs), default=0)
    events = [event for log in logs for event in _Process(log, first).events]
    return {"traceEvents": sorted(events, key=lambda event: event["ts"]), "displayTimeUnit": "ms"}


def write(logs, options, out):
    json.dump(trace_events(logs), out, separators=(",", ":"))
    out.write("\n")
