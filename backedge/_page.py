"""What a report's page shows, as data: lines with colours and hints, loops, their details, the time line, a comparison.

Details of a loop are JSON of their own, rendered when it is opened: a page with hundreds of loops opens at once.
"""

import os

from . import _core, _graph, _hints, _model, _profile, _sources, _stages, _text

STAGES = ("trace", "opt", "llvm", "asm")
WHOLE_FILE = 400  # lines; of longer files only functions with hot loops are shown
CONTEXT = 2  # lines around them
BARELY = 0.01  # share of the run's time that is not worth a remark
LATE = 0.1  # share of a loop's own time


class Run:
    """One run: its logs, its hot loops by cost, its sources."""

    def __init__(self, logs, sources=None):
        self.logs = logs
        loops = list(_model.loops_of_logs(logs).values())
        self.outside = sum(end.get("ticks_elsewhere", 0) for log in logs for end in log.of("end"))
        self.idle = sum(end.get("ticks_idle", 0) for log in logs for end in log.of("end"))
        self.samples = sum(map(_profile.ticks, loops)) + self.outside
        version = [int(part) for part in logs[0].header["python"].split(".")[:2]]
        if sources is None or sources["python"] != version:
            sources = {"python": version, "files": {}, "codes": []}
        self.sources = _sources.complete(sources, loops, version)
        self.index = _sources.Index(self.sources)
        self.loops = sorted(filter(_sources.hot, loops), key=_profile._cost, reverse=True)
        self.places = _NativePlaces(self)

    def share(self, loop):
        return _profile.ticks(loop) / self.samples if self.samples else 0.0


# ---- which lines are native ----------------------------------------------------------------------------------------
class _NativePlaces:
    """The lines that native code covers, with those of inlined functions and inner loops."""

    def __init__(self, run):
        names = run.index.names()
        self.stages = {}  # (loop, number of the version) -> annotated stages
        self.lines = {}  # (file, line) -> the loop whose code covers it, the one with the largest share of time
        for loop in run.loops:
            for number, region in enumerate(loop.get("regions", ())):
                region.setdefault("function", loop["function"])
                stages = self.stages[loop["loop"], number] = _stages.annotate(region, names)
                self._cover(run, loop, stages)
            if loop["state"] == "compiled":  # also when no stages were kept
                for line in run.index.extent(loop):
                    self._add(run, loop["file"], line, loop)

    def _cover(self, run, loop, stages):
        places = {id(place): place for place in stages["trace"].places} if "trace" in stages else {}
        known = {(place.function, place.line) for place in places.values() if place}
        for function, line in known:
            self._add(run, run.index.file_of(function, line, loop["file"]), line, loop)

    def _add(self, run, file, line, loop):
        have = self.lines.get((file, line))
        if have is None or run.share(loop) > run.share(have):
            self.lines[file, line] = loop

    def around(self, loop):
        """The loop whose native code this one is a part of, if it has none of its own; else None."""
        return None if loop.get("regions") else self.lines.get((loop["file"], loop["line"]))


class Lines:
    """Per line of source: heat, colour, hints, the loop to open."""

    def __init__(self, run):
        self.run = run
        self.share, self.state, self.loop, self.hints = {}, {}, {}, {}
        extents = [(loop, run.index.extent(loop)) for loop in run.loops]
        for loop, lines in sorted(extents, key=lambda pair: -len(pair[1])):  # inner loops last
            for line in lines:
                self._mark(loop, (loop["file"], line))
        for place, loop in run.places.lines.items():
            self.share[place] = max(run.share(loop), self.share.get(place, 0.0))
            self.state[place] = "native"
            if place not in self.loop or not self.loop[place].get("regions"):
                self.loop[place] = loop
        for loop in run.loops:
            self._reason(loop)
            self._exits(loop)

    def _mark(self, loop, place):
        share = self.run.share(loop)
        have = self.loop.get(place)
        if have is None or share >= self.share.get(place, 0.0) or have["state"] != "compiled":
            self.loop[place] = loop
        self.share[place] = max(share, self.share.get(place, 0.0))
        self.state[place] = "slow"

    def _hint(self, place, kind, text):
        if [kind, text] not in self.hints.setdefault(place, []):
            self.hints[place].append([kind, text])

    def _reason(self, loop):
        place = (loop["file"], loop["line"])
        native = self.state.get(place) == "native"
        if not native and reason_hint(loop):
            self._hint((loop["file"], loop.get("reason_line") or loop["line"]), "slow", reason_hint(loop))
        late = late_share(loop)
        if native and late > LATE and late * self.run.share(loop) > BARELY:
            self._hint(place, "late", f"{late:.0%} of this loop's time was interpreted{why_late(loop)}.")

    def _exits(self, loop):
        for exit in left(loop):
            place = (self.run.index.file_of(exit["function"], exit["line"], loop["file"]), exit["line"])
            if self.state.get(place, "native") == "native":
                self.state[place] = "leaves"
            self.loop.setdefault(place, loop)
            advice = _hints.EXITS.get(exit["kind"], "")
            text = f"Native code left here {times(exit['count'])} ({exit['kind']}). {advice}"
            self._hint(place, "leaves", text.strip())


def times(count):
    return "once" if count == 1 else f"{count:,} times"


def reason_hint(loop):
    """In plain words, why a loop is not compiled; "" if there is nothing to tell."""
    if loop["state"] == "compiled":
        return ""
    if loop["state"] in ("compiling", "recording"):
        return "The program ended before its native code was ready."
    hint = _hints.REASONS.get(loop.get("abort") or "NONE", loop.get("reason") or "")
    return f"{hint} ({loop['detail']})" if loop.get("detail") else hint


def why_late(loop):
    ticks = loop.get("ticks", {})
    waiting = sum(ticks.get(kind, 0) for kind in ("recording", "waiting", "building"))
    return ", while its native code was being made" if waiting > ticks.get("interpreted", 0) else ""


def left(loop):
    """Exits that were taken and are not a loop's normal end, by place, most often first."""
    taken = {}
    for exit in loop.get("exits", ()):
        if exit["count"] and exit["kind"] not in _model.NORMAL_EXITS:
            key = exit["kind"], exit["function"], exit["line"]
            have = taken.setdefault(key, dict(exit, count=0))
            have["count"] += exit["count"]
    return sorted(taken.values(), key=lambda e: -e["count"])


def late_share(loop):
    """Share of a loop's time that it was not in native code."""
    ticks = loop.get("ticks", {})
    total = sum(ticks.values())
    return 1 - ticks.get("native", 0) / total if total else 0.0


# ---- source files ----------------------------------------------------------------------------------------------------
def _shown(count, marked, run, file):
    """The line numbers to show of a file."""
    if count <= WHOLE_FILE:
        return range(1, count + 1)
    shown = set()
    for line in marked:
        shown.update(range(line - CONTEXT, line + CONTEXT + 1))
    for loop in run.loops:
        code = run.index.of_loop(loop) if loop["file"] == file else None
        if code:
            numbers = [row[1] for row in code["instructions"] if row[1]] or [code["line"]]
            shown.update(range(code["line"] - CONTEXT, max(numbers) + CONTEXT + 1))
    return sorted(n for n in shown if 1 <= n <= count)


def files(run, lines, numbers, highlight):
    """Per file, hottest first: name, share, rows. `highlight` makes HTML of a file's lines."""
    result = []
    for file in {loop["file"] for loop in run.loops} | {place[0] for place in lines.state}:
        marked = {line for name, line in lines.state if name == file}
        text = run.sources["files"].get(file) or ""
        html = highlight(text) if text else []
        if max(marked, default=0) > len(html):  # no source, or not this one
            html = html + [""] * (max(marked) - len(html))
        rows, before = [], 0
        for n in _shown(len(html), marked, run, file):
            place = (file, n)
            loop = lines.loop.get(place)
            rows.append(
                {
                    "n": n,
                    "gap": n != before + 1,
                    "html": html[n - 1],
                    "share": lines.share.get(place, 0.0),
                    "state": lines.state.get(place, ""),
                    "loop": numbers[loop["loop"]] if loop else None,
                    "hints": lines.hints.get(place, ()),
                }
            )
            before = n
        share = sum(run.share(loop) for loop in run.loops if loop["file"] == file)
        result.append({"name": _text.short_path(file), "share": share, "rows": rows, "source": bool(text)})
    return sorted(result, key=lambda f: (-f["share"], f["name"]))


# ---- one loop's details ----------------------------------------------------------------------------------------------
class _Places:
    """Numbers for places, so that the lines of a stage name theirs briefly."""

    def __init__(self):
        self.rows, self.numbers = [], {}
        self.known = {id(None): -1}  # by identity

    def number(self, function, line, offset, name):
        if function is None and line is None:
            return -1
        key = (function, offset)
        if key not in self.numbers:
            self.numbers[key] = len(self.rows)
            self.rows.append([function, line, offset, name])
        return self.numbers[key]

    def of(self, stage):
        """The number of each line's place."""
        ids = list(map(id, stage.places))  # they are shared: comparing them by identity saves most of the time
        for key, place in dict(zip(ids, stage.places, strict=True)).items():
            if key not in self.known:
                self.known[key] = self.number(*place)
        return list(map(self.known.__getitem__, ids))


def _bytecode(run, loop, region, places):
    """Of the loop's function and of those inlined into it."""
    text, at = [], []
    names = [loop["function"], *(n for n in region.get("functions", ()) if n != loop["function"])]
    for function in dict.fromkeys(names):
        own = run.index.of_loop(loop) if function == loop["function"] else None
        for code in [own] if own else run.index.codes.get(function, ())[:1]:
            text.append(f"{function}:")
            at.append(-1)
            lines, rows = run.index.listing(code)
            text += lines
            at += [places.number(function, *row) for row in rows]
    return {"text": "\n".join(text), "at": at}


def _version(run, loop, number, region, kinds):
    places = _Places()
    annotated = run.places.stages.get((loop["loop"], number), {})
    exits = [e for e in loop.get("exits", ()) if e["region"] == number]
    stages = {"bytecode": _bytecode(run, loop, region, places)}
    for name in STAGES:
        if name in annotated:
            stages[name] = {"text": "\n".join(annotated[name].texts), "at": places.of(annotated[name])}
    of = annotated.get("opt") or annotated.get("trace") or _stages.Stage()
    return {
        "entries": region.get("entries", 0),
        "bytes": region.get("code_bytes", 0),
        "ms": region.get("ms", {}),
        "stages": stages,
        "places": places.rows,
        "graph": _graph.graph(zip(of.texts, of.places, strict=True), region, exits, kinds),
        "exits": [_exit_row(e) for e in sorted(exits, key=lambda e: -e["count"])],
    }


def _exit_row(e):
    return [e.get("number"), e["kind"], e["count"], e["line"], e["function"], e["text"], e["hoisted"], e["offset"]]


def details(run, loop):
    """All that opening a loop shows."""
    kinds = list(_core.guard_kinds()) if _core is not None else []
    regions = loop.get("regions") or [{}]
    gone = [_exit_row(e) for e in loop.get("exits", ()) if e["region"] == -1 and e["count"]]
    return {
        "function": loop["function"],
        "reason": "" if loop.get("abort") in (None, "NONE") else loop["reason"],
        "hint": _remark(run, loop),
        "gone": gone,
        "versions": [_version(run, loop, n, region, kinds) for n, region in enumerate(regions)],
    }


def _remark(run, loop):
    around = run.places.around(loop)
    if around is None:
        return reason_hint(loop)
    where = f"line {around['line']}" + (f" of {around['function']}" if around["function"] != loop["function"] else "")
    return f"It is part of the native code of the loop at {where}."


def summary(run, loop):
    """A loop's row in the table."""
    ticks = loop.get("ticks", {})
    worst = _model.worst_exit(loop)
    total = sum(ticks.values())
    return {
        "name": f"{os.path.basename(loop['file'])}:{loop['line']}",
        "identity": loop["loop"],
        "function": loop["function"],
        "line": loop["line"],
        "state": loop["state"],
        "share": run.share(loop),
        "native": ticks.get("native", 0) / total if total else 0.0,
        "entries": loop.get("entries", 0),
        "exits": _model.exits_taken(loop),
        "versions": len(loop.get("regions", ())),
        "ms": sum(loop.get("ms", {}).values()),
        "bytes": loop.get("code_bytes", 0),
        "remark": f"{worst['kind']} at line {worst['line']}, {times(worst['count'])}" if worst else _remark(run, loop),
    }


# ---- time line -------------------------------------------------------------------------------------------------------
_OPENS = {"recording": "recording", "compiling": "compiling"}
_CLOSES = {"recorded": "recording", "compiled": "compiling", "aborted": "", "blacklisted": ""}


def _bars(log, numbers, shift):
    """[loop, what, from, to, text] of a process: to == from for a moment."""
    open_bars, bars = {}, []
    for event in log.events:
        if event.get("loop") not in numbers:
            continue
        loop, kind, t = numbers[event["loop"]], event["event"], round(event["t"] + shift, 3)
        if kind in _CLOSES:
            for what in (_CLOSES[kind],) if _CLOSES[kind] else ("recording", "compiling"):
                start = open_bars.pop((loop, what), None)
                if start is not None:
                    bars.append([loop, what, start, t, ""])
        if kind in _OPENS:
            open_bars.setdefault((loop, _OPENS[kind]), t)
        elif kind in ("aborted", "blacklisted"):
            bars.append([loop, "aborted", t, t, event["text"]])
        elif kind == "hot-exit":
            bars.append([loop, "hot-exit", t, t, f"{event['kind']} at line {event['exit_line']}: {event['text']}"])
        elif kind == "invalidated":
            bars.append([loop, "invalidated", t, t, str(event["by"])])
    end = round(log.events[-1]["t"] + shift, 3) if log.events else shift
    bars += [[loop, what, start, end, "not finished"] for (loop, what), start in open_bars.items()]
    return bars, end


def timeline(run, numbers):
    first = min(log.header["started"] for log in run.logs)
    bars, end = [], 0.0
    for log in run.logs:
        more, last = _bars(log, numbers, 1000 * (log.header["started"] - first))
        bars += more
        end = max(end, last)
    return {"end": end, "bars": sorted(bars, key=lambda bar: bar[2])}


# ---- two runs --------------------------------------------------------------------------------------------------------
def _ordinals(loops):
    """(file's name, function, how manieth of its loops) -> loop: finds loops whose lines have moved."""
    found = {}
    for loop in sorted(loops, key=lambda x: (x["file"], x["function"], x["offset"])):
        key = (os.path.basename(loop["file"]), loop["function"], loop.get("kind"))
        n = sum(1 for k in found if k[:3] == key)
        found[(*key, n)] = loop
    return found


def pairs(a, b):
    """(loop of A or None, loop of B or None) by identity; those left over by their place in their function."""
    of_a, of_b = ({loop["loop"]: loop for loop in run.loops} for run in (a, b))
    result = [(of_a.pop(name), of_b.pop(name)) for name in list(of_b) if name in of_a]
    moved_a, moved_b = _ordinals(of_a.values()), _ordinals(of_b.values())
    result += [(moved_a.pop(key), moved_b.pop(key)) for key in list(moved_b) if key in moved_a]
    result += [(loop, None) for loop in moved_a.values()] + [(None, loop) for loop in moved_b.values()]
    return result


def changes(a, b):
    """What is different between two summaries, in words."""
    if a is None or b is None:
        return ["only in A" if b is None else "only in B"]
    words = []
    if a["line"] != b["line"]:
        words.append(f"moved from line {a['line']}")
    if a["state"] != b["state"]:
        words.append(f"{a['state']} → {b['state']}")
    if a["versions"] != b["versions"]:
        words.append(f"{a['versions']} → {b['versions']} versions")
    if abs(a["share"] - b["share"]) >= 0.05:
        words.append(f"{a['share']:.0%} → {b['share']:.0%} of the time")
    if max(a["exits"], b["exits"]) > 1.5 * min(a["exits"], b["exits"]) + 5:
        words.append(f"{a['exits']:,} → {b['exits']:,} exits")
    if a["remark"] != b["remark"] and (a["state"] != b["state"] or not a["remark"] or not b["remark"]):
        words.append(f"{a['remark'] or 'nothing to remark'} → {b['remark'] or 'nothing to remark'}")
    return words


def comparison(a, b, numbers_a, numbers_b):
    """Rows, what changed first."""
    rows = []
    for x, y in pairs(a, b):
        sa, sb = x and summary(a, x), y and summary(b, y)
        rows.append(
            {
                "a": sa,
                "b": sb,
                "any": sb or sa,
                "a_number": numbers_a[x["loop"]] if x else None,
                "b_number": numbers_b[y["loop"]] if y else None,
                "changes": changes(sa, sb),
            }
        )
    weight = lambda row: -max(side["share"] for side in (row["a"], row["b"]) if side)  # noqa: E731
    return sorted(rows, key=lambda row: (not row["changes"], weight(row)))
