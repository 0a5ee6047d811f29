"""Tables and lines for a terminal: with rich if it is installed (`pip install backedge[tools]`), else plain text."""

import os
import sys


def short_path(path):
    """Relative to the working directory where that is shorter."""
    try:
        relative = os.path.relpath(path)
    except ValueError:
        return path
    return relative if len(relative) < len(path) and not path.startswith("<") else path


def write(fd, text):
    """All of it, to a file descriptor."""
    data = text.encode(errors="replace")
    while data:
        data = data[os.write(fd, data) :]


def source_line(file, line):
    """A line's text, as linecache gives it; without its imports where the line has no letters that need them."""
    try:
        with open(file, "rb") as source:
            text = source.read()
        lines = text.split(b"\n") if b"\r" not in text else []
        if line <= len(lines) and lines[line - 1].isascii():
            return lines[line - 1].decode()
    except (OSError, ValueError):
        pass
    import linecache

    return linecache.getline(file, line)


def number(n):
    return f"{n:,}" if isinstance(n, int) else f"{n:,.1f}"


def size(n):
    return f"{n / 1024:.1f}K" if n >= 1024 else str(n)


def _use_rich(out):
    if os.environ.get("BACKEDGE_PLAIN") or not out.isatty():
        return False
    try:
        import rich.table  # noqa: F401
    except ImportError:
        return False
    return True


STYLES = {"compiled": "green", "blacklisted": "red", "failed": "red", "cold": "dim"}


def _rich_table(columns, rows, out, title):
    import rich.console
    import rich.table

    table = rich.table.Table(title=title, box=None, pad_edge=False)
    for name, right in columns:
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in rows:
        style = next((STYLES[c] for c in row if c in STYLES), None)
        table.add_row(*(rich.markup.escape(c) for c in row), style=style)
    rich.console.Console(file=out).print(table)


def table(columns, rows, out=None, title=None):
    """columns: (name, whether numbers stand in it); rows: lists of strings."""
    out = out or sys.stderr
    if _use_rich(out):
        _rich_table(columns, rows, out, title)
        return
    widths = [max([len(name), *(len(row[i]) for row in rows)]) for i, (name, _) in enumerate(columns)]
    if title:
        print(title, file=out)
    for row in [[name for name, _ in columns], *rows]:
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, (_, right) in zip(row, widths, columns, strict=True)
        ]
        print("  ".join(cells).rstrip(), file=out)
