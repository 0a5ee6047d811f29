"""The lists of names in docs/tools.md are those of the tables in include/.

`python tests/test_docs.py --write` makes them.
"""

import os
import sys

PATH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "docs", "tools.md")
BEGIN, END = "<!-- begin names -->\n", "<!-- end names -->\n"


def generated():
    from backedge import _core

    def table(title, rows):
        return f"### {title}\n| name | what it means |\n|---|---|\n" + "".join(f"| `{k}` | {v} |\n" for k, v in rows)

    return "\n".join(
        [
            table("Events", _core.event_kinds().items()),
            table("Guards and other reasons to leave native code", _core.guard_kinds().items()),
            table("Reasons not to compile", _core.abort_reasons().items()),
        ]
    )


def parts():
    with open(PATH) as file:
        text = file.read()
    before, _, rest = text.partition(BEGIN)
    inside, _, after = rest.partition(END)
    return before, inside, after


def test_names_in_the_documentation_are_those_of_the_tables():
    assert parts()[1] == generated(), "run: python tests/test_docs.py --write"


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    before, _, after = parts()
    with open(PATH, "w") as out:
        out.write(before + BEGIN + generated() + END + after)
