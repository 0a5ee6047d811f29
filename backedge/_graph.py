"""The graph of a region's blocks, from the text of its IR, with counts where they are known.

Entries and exits were counted; of branches the weights that recording saw are given, as shares.
"""

import re

_BLOCK = re.compile(r"b(\d+):(.*)$")
_BRANCH = re.compile(r"\s*br v\d+ b(\d+) b(\d+)(?: prob (\d+) (\d+))?")
_JUMP = re.compile(r"\s*jmp b(\d+)")
_SNAPSHOT = re.compile(r"-> s(\d+)")
_KIND = re.compile(r"#(\d+) -> s\d+")
_GUARD = re.compile(r"guard\.([\w-]+)")


def _kind_of(line, kinds):
    number = _KIND.search(line)
    if number and 0 < int(number[1]) <= len(kinds):
        return kinds[int(number[1]) - 1]
    guard = _GUARD.search(line)
    if guard:
        return "invalid" if guard[1] == "valid" else guard[1]
    return next((word for word in reversed(line.split()) if word in kinds), None)


def _leave(block, line, exits, kinds):
    """Adds the exit that an instruction may take, if it has been taken."""
    snapshot = _SNAPSHOT.search(line)
    if not snapshot:
        return
    fitting = [e for e in exits if e.get("snapshot") == int(snapshot[1])]
    kind = _kind_of(line, kinds)
    fitting = [e for e in fitting if e["kind"] == kind] or fitting
    if fitting:
        exits.remove(fitting[0])
        block["guards"] += 1
        if fitting[0]["count"]:
            block["exits"].append([fitting[0]["kind"], fitting[0]["count"], fitting[0]["number"]])


def graph(lines, region, exits, kinds):
    """{"blocks": [...], "edges": [[from, to, share or None]]} of the region's own function. `lines`: pairs of text and
    place; `exits`: the region's; `kinds`: names of guard kinds, from number 1 on."""
    blocks, edges, block = [], [], None
    exits = list(exits)
    for number, (text, place) in enumerate(lines):
        if text.startswith('fn "') and blocks:
            break  # native functions of the region
        head = _BLOCK.match(text) if text.startswith("b") else None
        if head:
            rest = head[2]
            block = {"name": "b" + head[1], "row": number, "rows": 0, "guards": 0, "exits": [], "line": None}
            block["header"] = " header" in rest
            blocks.append(block)
            continue
        if text.startswith("snap "):
            break
        if block is None:
            continue
        block["rows"] += 1
        if place and block["line"] is None:
            block["line"] = place.line
        word = text.lstrip().partition(" ")[0]
        branch = _BRANCH.match(text) if word == "br" else None
        jump = _JUMP.match(text) if word == "jmp" else None
        if branch:
            weights = [int(w or 1) for w in branch.group(3, 4)]
            for to, weight in zip(branch.group(1, 2), weights, strict=True):
                share = weight / sum(weights) if branch[3] and sum(weights) else None
                edges.append([block["name"], "b" + to, share])
        elif jump:
            edges.append([block["name"], "b" + jump[1], None])
        elif "-> s" in text:
            _leave(block, text, exits, kinds)
    return {"blocks": blocks, "edges": edges, "entries": region.get("entries", 0)}
