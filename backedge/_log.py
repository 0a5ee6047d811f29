"""`backedge log`: one line per event."""

import os
import sys

from . import _model, _text


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
    """Writes events as they happen, each by one system call, to a file descriptor of its own."""

    def __init__(self, fd):
        self.fd = fd
        self.pid = os.getpid()

    def __call__(self, event):
        text = line(event)
        if text is None:
            return
        if os.getpid() != self.pid:
            text = f"[{os.getpid()}] {text}"
        _text.write(self.fd, f"{text}\n")


def print_saved(options):
    logs = [_model.read_log(path) for path in options.logs]
    for log in logs:
        for event in log.events:
            text = line(event)
            if text is not None and (not options.only or event["event"] in options.only):
                print(f"[{log.header['pid']}] {text}" if len(logs) > 1 else text)
        if log.cut:
            print(f"backedge: {log.path} was cut off", file=sys.stderr)
    return 0
