"""backedge report: what the page holds, without a browser (see test_report_browser.py)."""

import html.parser
import json
import re

import pytest
from test_run import python

from backedge import _core, _graph, _hints, _model, _page, _report, _sources, _stages

pytest.importorskip("jinja2")
pytest.importorskip("pygments")

PROGRAM = """\
import sys
MARKUP = "</script><b>&amp;"

def native(n):
    t = 0
    for i in range(n):
        for j in range(300):
            t += i ^ j
    return t

def numbers(n):
    for i in range(n):
        yield i

def total(items):
    s = 0
    for x in items:
        s += x
    return s

def never(n):
    for i in range(n):
        pass

for k in range(30):
    native(200)
list(numbers(2000000))
for k in range(200):
    total([1, 2, 3] * 200)
    total([1.5, 2, 3] * 200)
print("done", sys.argv[1:])
sys.exit(3)
"""


class Page(html.parser.HTMLParser):
    """The page's elements, and the JSON in it."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.hints, self._inside = [], {}, [], None
        self.text = text
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.elements.append((tag, attributes))
        self._inside = None
        if tag == "script" and attributes.get("type") == "application/json":
            self._inside = lambda data, name=attributes["id"]: self.scripts.update({name: json.loads(data)})
        elif "hint" in attributes.get("class", "").split():
            self._inside = self.hints.append

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        if self._inside:
            self._inside(data)

    def lines(self):
        """line -> colour"""
        found = [a for _, a in self.elements if "line" in a.get("class", "").split() and "data-line" in a]
        return {int(a["data-line"]): a["class"].split()[-1] for a in found}

    def details(self):
        return [self.scripts[name] for name in sorted(self.scripts) if name.startswith("loop-")]


FIXED = {"BACKEDGE_FIXED_ORDER": "1"}


def report(folder, *options, program=PROGRAM, status=3, args=("a",)):
    (folder / "p.py").write_text(program)
    done = python("-m", "backedge", "report", *options, "p.py", *args, cwd=folder, env=FIXED)
    assert done.returncode == status, done.stderr
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    done = report(folder, "--save", "saved")
    assert done.stdout == "done ['a']\n" and "report.html" in done.stderr
    return folder


@pytest.fixture(scope="module")
def page(folder):
    return Page((folder / "report.html").read_text())


def test_nothing_is_loaded(page):
    for tag, attributes in page.elements:
        assert not {"src", "href"} & set(attributes) and tag not in ("link", "img", "iframe")
    assert "default-src 'none'" in page.text and "url(http" not in page.text


def test_lines_have_their_colours(page):
    lines = page.lines()
    assert {lines[n] for n in (6, 7, 8)} == {"native"}
    assert lines[12] == lines[13] == "slow"
    assert 23 not in lines and 5 not in lines


def test_slow_lines_have_hints(page):
    assert any("Generators and coroutines stay interpreted" in hint for hint in page.hints)


def test_source_with_markup_is_text(page):
    assert "&lt;/script&gt;&lt;b&gt;&amp;amp;" in page.text


def test_lines_of_stages_name_their_places(page):
    compiled = [v for d in page.details() for v in d["versions"] if v["bytes"]]
    assert compiled
    for version in compiled:
        assert list(version["stages"]) == ["bytecode", "trace", "opt", "llvm", "asm"]
        places = {tuple(place[:3]) for place in version["places"]}
        assert len(places) == len(version["places"])
        for stage in version["stages"].values():
            assert len(stage["text"].split("\n")) == len(stage["at"])
            assert all(-1 <= at < len(places) for at in stage["at"])
        of_bytecode, of_trace = (set(version["stages"][name]["at"]) - {-1} for name in ("bytecode", "trace"))
        assert of_trace and of_trace <= of_bytecode
        of_asm = set(version["stages"]["asm"]["at"]) - {-1}
        assert of_asm and of_asm <= of_bytecode


def test_bytecode_is_named_as_the_stages_name_it(page):
    (native,) = [d for d in page.details() if d["function"] == "native" and d["versions"][0]["bytes"]][:1]
    version = native["versions"][0]
    text, at = version["stages"]["bytecode"]["text"].split("\n"), version["stages"]["bytecode"]["at"]
    adds = [version["places"][a] for t, a in zip(text, at, strict=True) if "BINARY_OP" in t and "+=" in t]
    assert [(place[1], place[3]) for place in adds] == [(8, "BINARY_OP")]


def test_graphs_are_whole(page):
    graphs = [v["graph"] for d in page.details() for v in d["versions"] if v["bytes"]]
    assert any(block["header"] for graph in graphs for block in graph["blocks"])
    for graph in graphs:
        names = {block["name"] for block in graph["blocks"]}
        assert all({a, b} <= names for a, b, _ in graph["edges"])


def test_counts_of_exits_are_all_in_the_graph(page):
    for detail in page.details():
        for version in detail["versions"]:
            counted = sum(count for _, _, count, *_ in version["exits"])
            drawn = sum(count for block in version["graph"]["blocks"] for _, count, _ in block["exits"])
            assert drawn == counted


def test_time_line_has_compiles_in_order(page):
    timeline = page.scripts["index"]["timeline"]
    compiles = [bar for bar in timeline["bars"] if bar[1] == "compiling"]
    assert len(compiles) >= 2
    assert all(0 <= start <= end <= timeline["end"] for _, _, start, end, _ in timeline["bars"])


def test_page_of_saved_logs_is_the_same(folder, page):
    done = python("-m", "backedge", "report", "--from", "saved", "-o", "again.html", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "again.html").read_text() == page.text


def test_one_page_of_several_saved_runs(folder, tmp_path):
    """Each with sources that are only there as they were saved."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.py").write_text(f"def {name}(n):\n    for i in range(n): n += i\n{name}(30000)\n")
        done = python("-m", "backedge", "report", "--save", "saved", f"{name}.py", cwd=tmp_path / name, env=FIXED)
        assert done.returncode == 0, done.stderr
        (tmp_path / name / f"{name}.py").unlink()
    done = python("-m", "backedge", "report", "--from", "one/saved", "two/saved", "-o", "both.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    page = Page((tmp_path / "both.html").read_text())
    assert {loop["function"] for loop in page.scripts["index"]["loops"]} == {"one", "two"}
    texts = [detail["versions"][0]["stages"]["bytecode"]["text"] for detail in page.details()]
    assert all("FOR_ITER" in text for text in texts)
    assert all(word in page.text for word in (">one<", ">two<"))


def test_logs_without_sources_show_the_file(folder, page):
    (log,) = map(str, (folder / "saved").glob("*.log"))
    done = python("-m", "backedge", "report", "--from", log, "-o", "bare.html", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert Page((folder / "bare.html").read_text()).lines() == page.lines()


def test_comparison(folder):
    later = folder / "later"
    later.mkdir()
    changed = "# a line more\n" + PROGRAM.replace("    for i in range(n):\n        yield i", "    return range(n)")
    report(later, "--save", "saved", program=changed)
    done = python("-m", "backedge", "report", "--compare", "saved", "later/saved", "-o", "c.html", cwd=folder)
    assert done.returncode == 0, done.stderr
    text = (folder / "c.html").read_text()
    assert "moved from line 6" in text and "only in A" in text


def test_programs_modules_do_not_matter(tmp_path):
    for name in ("json", "jinja2", "pygments", "html", "linecache"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')\n")
    report(tmp_path, program="import os; os.chdir('/'); os.environ.clear()\n" + PROGRAM)
    assert 7 in Page((tmp_path / "report.html").read_text()).lines()


def test_code_without_a_file(tmp_path):
    program = "exec('def f(n):\\n    s = 0\\n    for i in range(n):\\n        s += i\\n    return s\\n')\nf(900000)\n"
    report(tmp_path, program=program, status=0)
    page = Page((tmp_path / "report.html").read_text())
    assert page.lines() == {3: "native", 4: "native"} and "Its source was not found" in page.text


def test_nothing_hot(tmp_path):
    report(tmp_path, program="print(1)\n", status=0)
    assert "No loop got hot" in (tmp_path / "report.html").read_text()


def test_output_that_cannot_be_written_is_told_before_the_run(tmp_path):
    done = report(tmp_path, "-o", "no/such/folder.html", status=2)
    assert "No such file" in done.stderr and done.stdout == ""


def test_missing_libraries_are_told(monkeypatch):
    monkeypatch.setattr(_report, "NEEDED", ("jinja2", "no_such_library"))
    with pytest.raises(_report.Missing, match=r"needs no_such_library: pip install backedge\[tools\]"):
        _report.check_installed()


def test_there_is_a_hint_for_every_reason():
    assert set(_hints.REASONS) == set(_core.abort_reasons())
    assert set(_hints.EXITS) == set(_core.guard_kinds())


# ---- parts -----------------------------------------------------------------------------------------------------------
def test_graph_of_a_text():
    text = """fn "f:1" home 1
b0:
  jmp b1
b1: header preds b0 b2
  guard.type v1 0x5 -> s1
  guard v2 overflow -> s1
  br v3 b2 b3 prob 3 1
b2: preds b1
  jmp b1
b3: preds b1
  exit #20 -> s2
snap s1 resume none"""
    exits = [
        {"number": n, "kind": kind, "count": count, "snapshot": s}
        for n, (kind, count, s) in enumerate([("overflow", 5, 1), ("type", 7, 1), ("loop-end", 2, 2)])
    ]
    lines = [_stages.Line(line, None) for line in text.splitlines()]
    graph = _graph.graph(lines, {"entries": 9}, exits, list(_core.guard_kinds()))
    assert graph["edges"] == [["b0", "b1", None], ["b1", "b2", 0.75], ["b1", "b3", 0.25], ["b2", "b1", None]]
    assert [b["exits"] for b in graph["blocks"]] == [[], [["type", 7, 1], ["overflow", 5, 0]], [], [["loop-end", 2, 2]]]
    assert graph["entries"] == 9 and graph["blocks"][1]["header"]


def loop(line, offset, state="compiled", function="f", **more):
    identity = f"/a/x.py:{line}:{function}@{offset}"
    parts = {"file": "/a/x.py", "line": line, "function": function, "offset": offset}
    return {"loop": identity, "state": state, **parts, **more}


def run_of(*loops):
    header = {"backedge_log": 1, "pid": 1, "started": 0.0, "python": "3.0.0", "argv": ["x"]}
    events = [{"event": "loop", "t": 1.0, **one} for one in loops]
    return _page.Run([_model.Log("log", header, events, cut=False)])


def test_loops_that_moved_are_paired():
    a = run_of(loop(3, 10), loop(7, 40), loop(9, 4, function="gone"))
    b = run_of(loop(4, 10), loop(8, 44, state="failed", abort="GENERATOR", reason="r"), loop(20, 4, function="new"))
    paired = {(x and x["line"], y and y["line"]) for x, y in _page.pairs(a, b)}
    assert paired == {(3, 4), (7, 8), (9, None), (None, 20)}
    rows = _page.comparison(a, b, *({x["loop"]: 0 for x in run.loops} for run in (a, b)))
    (row,) = [row for row in rows if row["b"] and row["b"]["line"] == 8]
    assert row["changes"][:2] == ["moved from line 7", "compiled → failed"]


def test_extent_of_a_loop():
    source = "def f(n):\n    for i in range(n):\n        while i:\n            i -= 1\n    return n\n"
    scope = {}
    exec(compile(source, "/a/x.py", "exec"), scope)
    code = _sources.describe(scope["f"].__code__)
    index = _sources.Index({"codes": [code]})
    starts = {row[3] for row in code["instructions"] if row[3] is not None}
    lines = {r[0]: r[1] for r in code["instructions"]}
    extents = sorted((index.extent(loop(lines[start], start)) for start in starts), key=len)
    assert extents[-1] == {2, 3, 4} and extents[0] <= {3, 4}


def test_command_line_of_the_program():
    argv = ["python", "-m", "backedge", "report", "-o", "x.html", "--stdlib", "p.py", "-o", "y"]
    assert _report._program(argv) == ["python", "p.py", "-o", "y"]
    assert _report._program(["python", "p.py", "1"]) == ["python", "p.py", "1"]


def test_page_has_no_script_end_inside_data():
    assert "<" not in re.sub(r"\\u003c", "", _report._json({"a": "</script><!--"}))
