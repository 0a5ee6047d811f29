"""Tables and lines for a terminal: with rich if it is installed (`pip install backedge[tools]`), else plain text."""

import os
import sys


def _working_directory():
    try:
        return os.getcwd()
    except OSError:  # it is gone
        return os.sep


_START = _working_directory()  # whatever the program makes it


def short_path(path):
    """Relative to the working directory at the start where that is shorter."""
    if not os.path.isabs(path):
        return path
    relative = os.path.relpath(path, _START)
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


def _style(row):
    return next((STYLES[cell] for cell in row if cell in STYLES), None)


def _rich_table(columns, rows, out, title):
    import rich.console
    import rich.table

    table = rich.table.Table(title=title, box=None, pad_edge=False)
    for name, right in columns:
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(rich.markup.escape(cell) for cell in row), style=_style(row))
    rich.console.Console(file=out).print(table)


def _columns_of(out):
    """How wide the terminal is; None if it is none."""
    if not out.isatty():
        return None
    try:
        return int(os.environ.get("COLUMNS") or 0) or os.get_terminal_size(out.fileno()).columns or None
    except (OSError, ValueError):
        return None


def _records(columns, rows):
    """Tables that are too wide for a terminal: a few lines per row, with those numbers that tell anything."""
    texts = [i for i, (_, right) in enumerate(columns) if not right]
    for row in rows:
        numbers = [f"{name} {row[i]}" for i, (name, right) in enumerate(columns) if right and row[i] not in ("-", "0")]
        yield _style(row), "  ".join(row[i] for i in texts[:-1])
        yield None, "    " + ", ".join(numbers)
        if row[texts[-1]]:
            yield None, "    " + row[texts[-1]]


def _print_records(columns, rows, out):
    import textwrap

    width, console = _columns_of(out), None
    if _use_rich(out):
        import rich.console

        console = rich.console.Console(file=out, highlight=False, markup=False, soft_wrap=True)
    for style, text in _records(columns, rows):
        for line in textwrap.wrap(text, width, subsequent_indent="    ", break_long_words=False) or [""]:
            if console:
                console.print(line, style=style)
            else:
                print(line, file=out)


def table(columns, rows, out=None, title=None):
    """columns: (name, whether numbers stand in it); rows: lists of strings."""
    out = out or sys.stderr
    widths = [max([len(name), *(len(row[i]) for row in rows)]) for i, (name, _) in enumerate(columns)]
    if (_columns_of(out) or sys.maxsize) < sum(widths) + 2 * len(widths) - 2:
        _print_records(columns, rows, out)
        return
    if _use_rich(out):
        _rich_table(columns, rows, out, title)
        return
    if title:
        print(title, file=out)
    for row in [[name for name, _ in columns], *rows]:
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, (_, right) in zip(row, widths, columns, strict=True)
        ]
        print("  ".join(cells).rstrip(), file=out)
