// The page's behaviour. Details of a loop are parsed and drawn when it is opened.
"use strict";
const $ = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const index = JSON.parse($("#index").textContent);
const number = new Intl.NumberFormat("en");
const SVG = "http://www.w3.org/2000/svg";

// An element: make("p.dim", {title: "..."}, "text", child...)
function make(spec, attributes = {}, ...children) {
  const [tag, ...classes] = spec.split(".");
  const svg = ["svg", "g", "rect", "path", "text", "title", "line", "circle", "defs", "marker"].includes(tag);
  const element = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(attributes))
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

// ---- theme ---------------------------------------------------------------------------------------------------------
const dark = matchMedia("(prefers-color-scheme: dark)");
let chosen = null;
function setTheme() {
  document.documentElement.dataset.theme = chosen || (dark.matches ? "dark" : "light");
}
dark.addEventListener("change", setTheme);
setTheme();
$("#theme").addEventListener("click", () => {
  chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  setTheme();
});
for (const time of all("time")) time.textContent = new Date(1000 * time.dataset.unix).toLocaleString();

// ---- tabs ----------------------------------------------------------------------------------------------------------
function show(name) {
  for (const tab of all(".tab")) tab.classList.toggle("shown", tab.id === "tab-" + name);
  $("main").classList.toggle("opened", name === "loop");
  for (const button of all("nav button")) button.setAttribute("aria-selected", button.dataset.tab === name);
  if (name === "timeline" && !$("#tab-timeline").hasChildNodes()) drawTimeline();
}
for (const button of all("nav button")) button.addEventListener("click", () => show(button.dataset.tab));

// ---- colours of the stages: the tokens that differ, in Pygments' classes --------------------------------------------
// (Colouring every stage of every loop by Pygments when the page is written would take seconds.)
const TOKENS = {
  ir: /("[^"]*")|(\b(?:phi|exit|guard|br|jmp|call|poll|snap|frame|fn|header|preheader)\b(?:\.[\w.]+)?)|(\b[vb]\d+\b|\bs\d+\b)|(-?\b(?:0x[0-9a-f]+|\d[\w.]*)\b)/g,
  llvm: /(;.*|"[^"]*")|(\b(?:define|br|ret|phi|call|load|store|getelementptr|switch|select|icmp|fcmp|add|sub|mul|label)\b)|([%@!][\w.$"-]+)|(-?\b(?:0x[0-9a-fA-F]+|\d[\d.e+-]*)\b)/g,
  asm: /(#.*|^\s*[0-9a-f]+(?=\s))|(\t[a-z]\w*)|(%[a-z]\w*|\bL[0-9a-f]+\b|\bbk_h_\w+)|(\$?-?0x[0-9a-f]+)/g,
  bytecode: /(^\s*\d+)|(\b[A-Z][A-Z_0-9]{2,}\b)|(\bL\d+\b)|(\b\d+\b)/g,
};
const CLASSES = ["c", "k", "nv", "mi"];
function coloured(text, stage) {
  const pattern = TOKENS[stage] || TOKENS.ir, parts = [];
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index > at) parts.push(text.slice(at, match.index));
    const value = /^(?:%|# )?([vb]\d+)$/.exec(match[0]);  // of the IR, or the block
    parts.push(make("span." + CLASSES[match.slice(1).findIndex((group) => group !== undefined)], { "data-value": value?.[1] }, match[0]));
    at = match.index + match[0].length;
  }
  parts.push(text.slice(at));
  return parts;
}

// ---- one loop --------------------------------------------------------------------------------------------------------
const STAGES = { bytecode: "Bytecode", trace: "Trace", opt: "Optimised IR", llvm: "LLVM IR", asm: "Machine code" };
const open = { loop: null, version: 0, views: new Set(["bytecode", "opt"]), pinned: null, line: null };
const parsed = new Map();

function details(n) {
  if (!parsed.has(n)) parsed.set(n, JSON.parse($("#loop-" + n).textContent));
  return parsed.get(n);
}

function openLoop(n, line = null) {
  open.loop = n;
  open.version = 0;
  open.pinned = null;
  open.line = line;
  for (const row of all(".line.selected")) row.classList.remove("selected");
  if (n < index.count) {
    const rows = all(`.line[data-loop="${n}"]`);
    const row = rows.find((r) => +r.dataset.line === (line || index.loops[n].line)) || rows[0];
    if (row) {
      row.closest("details").open = true;
      row.classList.add("selected");
      row.scrollIntoView({ block: line ? "nearest" : "center" });
    }
  }
  $('nav [data-tab="loop"]').hidden = false;
  show("loop");
  drawLoop();
}

function toggle(text, pressed, action, title = null) {
  const button = make("button", { "aria-pressed": pressed, title }, text);
  button.addEventListener("click", action);
  return button;
}

function drawLoop() {
  const about = index.loops[open.loop], detail = details(open.loop), version = detail.versions[open.version];
  const facts = [];
  if (about.share) facts.push(`${(100 * about.share).toFixed(1)} % of the time`);
  if (version.entries) facts.push(`entered ${number.format(version.entries)} times`);
  if (version.bytes) facts.push(`${number.format(version.bytes)} bytes of machine code`);
  const phases = Object.entries(version.ms).filter(([, ms]) => ms);
  if (phases.length) facts.push("compile ms: " + phases.map(([name, ms]) => `${name} ${ms.toFixed(1)}`).join(", "));
  const bar = make("div.bar");
  if (detail.versions.length > 1) {
    detail.versions.forEach((_, i) => {
      const choose = () => ((open.version = i), drawLoop());
      bar.append(toggle(`Version ${i + 1}`, i === open.version, choose, "native versions for different types"));
    });
    bar.append(make("span.split"));
  }
  const views = Object.entries(STAGES).filter(([name]) => version.stages[name] && version.stages[name].text);
  if (version.graph.blocks.length) views.push(["graph", "Graph"]);
  if (version.exits.length || detail.gone.length) views.push(["exits", `Exits`]);
  for (const [name, title] of views) {
    bar.append(
      toggle(title, open.views.has(name), () => {
        if (!open.views.delete(name)) open.views.add(name);
        drawLoop();
      })
    );
  }
  const stages = make("div.stages.code");
  for (const [name, title] of views) {
    if (!open.views.has(name)) continue;
    if (name === "graph") stages.append(drawGraph(version.graph));
    else if (name === "exits") stages.append(drawExits(version, detail.gone));
    else stages.append(drawStage(name, title, version));
  }
  const head = make("div.loop-head", {}, make("h2", {}, `${about.function}`), make("code.dim", { title: about.identity }, about.name), make("span.badge." + about.state, {}, about.state));
  if (index.loops.length > index.count) head.append(make("span.dim", {}, open.loop < index.count ? "run B" : "run A"));
  $("#tab-loop").replaceChildren(
    head,
    make("p", {}, [detail.reason, detail.hint].filter(Boolean).join(": ")),
    make("div.facts", {}, facts.join(" · ")),
    bar,
    stages
  );
  if (open.line) highlight((place) => place[1] === open.line, true);
}

// machine code with offsets, as its labels have them, for addresses
function fromItsStart(text) {
  let start = null;
  return text.replace(/^([0-9a-f]+) /gm, (_, address) => {
    start ??= parseInt(address, 16);
    return (parseInt(address, 16) - start).toString(16).padStart(6) + " ";
  });
}

function drawStage(name, title, version) {
  const { at } = version.stages[name], text = name === "asm" ? fromItsStart(version.stages[name].text) : version.stages[name].text;
  const scroll = make("div.scroll", { "data-stage": name });
  text.split("\n").forEach((line, i) => {
    const place = version.places[at[i]];
    const row = make("div.row", {}, ...coloured(line, name === "trace" || name === "opt" ? "ir" : name));
    if (/^\S.*:/.test(line) && !line.startsWith("define")) row.classList.add("label");
    if (place) {
      row.dataset.place = at[i];
      row.title = `${place[0] ?? ""} line ${place[1]} @${place[2]} ${place[3] ?? ""}`;
    }
    row.dataset.row = i;
    scroll.append(row);
  });
  return make("div.stage", { "data-view": name }, make("h3", {}, title), scroll);
}

// ---- linked lines ----------------------------------------------------------------------------------------------------
// `test` chooses places; strongly: rows of the same bytecode, weakly: rows of the same source line.
function highlight(test, scroll = false, near = null) {
  if (open.loop === null) return;
  const places = details(open.loop).versions[open.version].places;
  const own = details(open.loop).function;
  const on = places.map(test), close = near ? places.map(near) : [];
  for (const stage of all("#tab-loop .scroll")) {
    let first = null;
    for (const row of stage.children) {
      const linked = row.dataset.place !== undefined && on[row.dataset.place];
      row.classList.toggle("linked", !!linked);
      row.classList.toggle("near", !linked && row.dataset.place !== undefined && !!close[row.dataset.place]);
      if (linked && !first) first = row;
    }
    if (first && scroll && (first.offsetTop < stage.scrollTop + stage.offsetTop || first.offsetTop > stage.scrollTop + stage.offsetTop + stage.clientHeight - 20))
      stage.scrollTop = first.offsetTop - stage.offsetTop - stage.clientHeight / 3;
  }
  const lines = new Set(places.filter((place, i) => on[i] && place[0] === own).map((place) => place[1]));
  for (const row of all(".line.linked")) row.classList.remove("linked");
  if (open.loop < index.count)
    for (const row of lines.size ? all(".line[data-line]", $(".line.selected")?.closest(".lines") || $("#source")) : [])
      row.classList.toggle("linked", lines.has(+row.dataset.line));
}

function linkTo(row, scroll) {
  const places = details(open.loop).versions[open.version].places, wanted = places[row.dataset.place];
  highlight((place) => place === wanted, scroll, (place) => place[1] === wanted[1] && place[0] === wanted[0]);
}

$("#tab-loop").addEventListener("mouseover", (event) => {
  const row = event.target.closest("[data-place]");
  if (row && open.pinned === null) linkTo(row, false);
});
// A value: where it is defined and used, in all stages.
$("#tab-loop").addEventListener("mouseover", (event) => {
  const value = event.target.closest("[data-value]")?.dataset.value;
  for (const span of all("#tab-loop .value")) if (span.dataset.value !== value) span.classList.remove("value");
  if (value) for (const span of all(`#tab-loop [data-value="${value}"]`)) span.classList.add("value");
});
$("#tab-loop").addEventListener("click", (event) => {
  const row = event.target.closest("[data-place]");
  if (!row) return;
  for (const other of all(".row.pinned")) other.classList.remove("pinned");
  open.pinned = open.pinned === row ? null : row;
  if (open.pinned) row.classList.add("pinned");
  linkTo(row, true);
});
$("#source").addEventListener("mouseover", (event) => {
  const row = event.target.closest(".line[data-line]");
  if (row && open.pinned === null && +row.dataset.loop === open.loop) highlight((place) => place[1] === +row.dataset.line);
});

// ---- exits -----------------------------------------------------------------------------------------------------------
function drawExits(version, gone) {
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...["count", "kind", "line", "what it means"].map((h, i) => make(i === 0 ? "th.num" : "th", {}, h)))));
  const body = make("tbody");
  for (const [, kind, count, line, name, text, hoisted, offset] of version.exits) {
    const place = version.places.findIndex((p) => p[0] === name && p[2] === offset);
    const row = make("tr", place >= 0 ? { "data-place": place } : {}, make("td.num", {}, count ? number.format(count) : "–"), make("td", {}, kind), make("td", {}, `${line}`), make("td", {}, text + (hoisted ? " (checked before the loop)" : "")));
    if (!count) row.classList.add("same");
    body.append(row);
  }
  for (const [, kind, count, line, , text] of gone)
    body.append(make("tr", {}, make("td.num", {}, number.format(count)), make("td", {}, kind), make("td", {}, `${line}`), make("td", {}, text + " (of code that is gone)")));
  table.append(body);
  return make("div.stage", { "data-view": "exits" }, make("h3", {}, "Exits and guards"), make("div.scroll", {}, table));
}

// ---- the graph: layers by longest path, order by the mean of the neighbours ------------------------------------------
function layers(blocks, edges) {
  const at = new Map(blocks.map((b, i) => [b.name, i]));
  const forward = [], back = [];
  const state = blocks.map(() => 0), order = [];
  const out = blocks.map((b) => edges.filter((e) => e[0] === b.name && at.has(e[1])));
  const visit = (i) => {  // depth first: an edge to a block that is being visited is a back edge
    const stack = [[i, 0]];
    state[i] = 1;
    while (stack.length) {
      const top = stack[stack.length - 1], edge = out[top[0]][top[1]++];
      if (!edge) {
        state[top[0]] = 2;
        order.unshift(top[0]);
        stack.pop();
        continue;
      }
      const to = at.get(edge[1]);
      (state[to] === 1 ? back : forward).push(edge);
      if (state[to] === 0) {
        state[to] = 1;
        stack.push([to, 0]);
      }
    }
  };
  blocks.forEach((_, i) => state[i] || visit(i));
  const layer = blocks.map(() => 0);
  for (const i of order) for (const e of out[i]) if (forward.includes(e)) layer[at.get(e[1])] = Math.max(layer[at.get(e[1])], layer[i] + 1);
  return { at, forward, back, layer };
}

function placeNodes(blocks, edges) {
  const { at, forward, back, layer } = layers(blocks, edges);
  const rows = [], nodes = blocks.map((b, i) => ({ block: b, layer: layer[i], near: [] }));
  const put = (node) => (rows[node.layer] ||= []).push(node);
  nodes.forEach(put);
  const chains = forward.map((edge) => {  // an edge over several layers goes through a point in each
    const from = nodes[at.get(edge[0])], to = nodes[at.get(edge[1])], chain = [from];
    for (let l = from.layer + 1; l < to.layer; l++) {
      const point = { layer: l, near: [], point: true };
      put(point);
      chain.push(point);
    }
    chain.push(to);
    for (let i = 1; i < chain.length; i++) chain[i].near.push(chain[i - 1]), chain[i - 1].near.push(chain[i]);
    return { edge, chain };
  });
  const place = () => rows.forEach((row) => row.forEach((node, i) => (node.x = i - (row.length - 1) / 2)));
  place();
  for (let round = 0; round < 8; round++) {
    for (const row of round % 2 ? [...rows].reverse() : rows) {
      const step = round % 2 ? 1 : -1;
      for (const node of row) {
        const near = node.near.filter((other) => other.layer === node.layer + step);
        node.key = near.length ? near.reduce((sum, other) => sum + other.x, 0) / near.length : node.x;
      }
      row.sort((a, b) => a.key - b.key);
    }
    place();
  }
  return { nodes, rows, chains, back: back.map((edge) => ({ edge, from: nodes[at.get(edge[0])], to: nodes[at.get(edge[1])] })) };
}

function drawGraph(graph) {
  const W = 104, H = 40, DX = 128, DY = 84;
  const { nodes, rows, chains, back } = placeNodes(graph.blocks, graph.edges);
  const widest = Math.max(...rows.map((row) => row.length));
  const width = widest * DX + 60 + 14 * back.length, height = rows.length * DY + 40;
  const X = (node) => (widest * DX) / 2 + 20 + node.x * DX, Y = (node) => 34 + node.layer * DY;
  const svg = make("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "graph of the blocks" });
  svg.append(make("defs", {}, make("marker", { id: "tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" }, make("path", { d: "M0 0L8 4L0 8z", fill: "context-stroke" }))));
  const share = (edge) => (edge[2] === null ? "" : edge[2] > 0.995 && edge[2] < 1 ? "> 99 %" : edge[2] < 0.01 && edge[2] > 0 ? "< 1 %" : `${Math.round(100 * edge[2])} %`);
  const line = (d, edge, classes, x, y) => {
    const rare = edge[2] !== null && edge[2] < 0.02 ? ".rare" : "";
    svg.append(make("path.edge" + classes + rare, { d, "marker-end": "url(#tip)" }));
    if (share(edge)) svg.append(make("text.count", { x, y }, share(edge)));
  };
  for (const { edge, chain } of chains) {
    let d = `M${X(chain[0])} ${Y(chain[0]) + H}`;
    for (let i = 1; i < chain.length; i++) {
      const x0 = X(chain[i - 1]), y0 = Y(chain[i - 1]) + H, x1 = X(chain[i]), y1 = Y(chain[i]) - 1, mid = (y0 + y1) / 2;
      d += `C${x0} ${mid} ${x1} ${mid} ${x1} ${y1}`;
      if (chain[i].point) d += `L${x1} ${y1 + H + 1}`;
    }
    line(d, edge, "", (2 * X(chain[0]) + X(chain[1])) / 3 + (X(chain[1]) < X(chain[0]) ? -36 : 8), Y(chain[0]) + H + 18);
  }
  back.forEach(({ edge, from, to }, i) => {
    const side = widest * DX + 36 + 14 * i, y0 = Y(from) + H / 2 + 8, y1 = Y(to) + H / 2 - 8;
    line(`M${X(from) + W / 2} ${y0}C${side} ${y0} ${side} ${y0} ${side} ${(y0 + y1) / 2}S${side} ${y1} ${X(to) + W / 2 + 1} ${y1}`, edge, ".back", X(from) + W / 2 + 8, y0 - 4);
  });
  if (nodes.length) {
    svg.append(make("path.edge", { d: `M${X(nodes[0])} 8V33`, "marker-end": "url(#tip)" }));
    svg.append(make("text.count", { x: X(nodes[0]) + 6, y: 18 }, `entered ${number.format(graph.entries)} times`));
  }
  for (const node of nodes) svg.append(drawBlock(node.block, X(node) - W / 2, Y(node), W, H));
  const legend = make("h3", {}, "Blocks after optimising · entries and exits counted, shares of branches as recorded · blue: back edges");
  return make("div.stage.graph", { "data-view": "graph" }, legend, make("div.scroll", {}, svg));
}

function drawBlock(block, x, y, w, h) {
  const exits = block.exits.map(([kind, count]) => `${kind} × ${number.format(count)}`);
  const box = make("g.block" + (block.header ? ".header" : "") + (exits.length ? ".out" : ""), { "data-row": block.row });
  const guards = block.guards ? `, ${block.guards} guard${block.guards > 1 ? "s" : ""}` : "";
  box.append(
    make("rect", { x, y, width: w, height: h, rx: 6 }),
    make("text", { x: x + 9, y: y + 16 }, block.name + (block.line ? `  line ${block.line}` : "")),
    make("text.small", { x: x + 9, y: y + 31 }, `${block.rows} ins${guards}`),
    make("title", {}, [`${block.name}: ${block.rows} instructions${guards}`, ...exits].join("\n"))
  );
  exits.slice(0, 2).forEach((text, i) => box.append(make("text.exit", { x, y: y + h + 11 + 11 * i }, "⤷ " + text)));
  box.addEventListener("click", () => {
    const wanted = [...$("#tab-loop").querySelectorAll('[data-stage="opt"] .row')][block.row];
    for (const row of all(".row.linked")) row.classList.remove("linked");
    if (wanted) {
      wanted.classList.add("linked");
      wanted.scrollIntoView({ block: "center" });
    }
  });
  return box;
}

// ---- time line -------------------------------------------------------------------------------------------------------
function drawTimeline() {
  const { bars, end } = index.timeline, lanes = [...new Set(bars.map((bar) => bar[0]))];
  const tab = $("#tab-timeline");
  if (!bars.length) return tab.append(make("p.dim", {}, "Nothing was recorded or compiled."));
  const left = 190, width = Math.max(500, tab.clientWidth - 40), scale = (width - left - 20) / (end || 1), H = 20, top = 24;
  const svg = make("svg", { width, height: lanes.length * H + top + 10, role: "img", "aria-label": "time line" });
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000, 300000, 600000].find((s) => end / s <= 10) || end / 8;
  for (let t = 0; t <= end; t += step) {
    const x = left + t * scale;
    svg.append(make("line.axis", { x1: x, x2: x, y1: top - 6, y2: top + lanes.length * H }));
    svg.append(make("text.small", { x, y: 12, "text-anchor": "middle" }, end > 10000 ? `${t / 1000} s` : `${t} ms`));
  }
  const groups = new Map();
  lanes.forEach((n, i) => {
    const y = top + i * H, about = index.loops[n], name = `${about.name} ${about.function}`;
    const lane = make("g.lane", { "data-loop": n }, make("rect", { x: 0, y, width, height: H, fill: "transparent" }), make("text.name", { x: left - 8, y: y + 14, "text-anchor": "end" }, name.length > 28 ? "…" + name.slice(-27) : name));
    groups.set(n, [lane, y]);
    svg.append(lane);
  });
  for (const [n, what, from, to, text] of bars) {
    const [lane, y] = groups.get(n), x = left + from * scale;
    const title = make("title", {}, `${what} ${from.toFixed(1)} ms` + (to > from ? `, for ${(to - from).toFixed(1)} ms` : "") + (text ? `: ${text}` : ""));
    if (to > from) lane.append(make("rect.what-" + what, { x, y: y + (what === "recording" ? 4 : 9), width: Math.max(1.5, (to - from) * scale), height: 6, rx: 2 }, title));
    else lane.append(make("circle.what-" + what, { cx: x, cy: y + 10, r: 3.5 }, title));
  }
  const key = make("p.legend");
  for (const [name, colour] of [["recording", "leaves"], ["compiling", "accent"], ["aborted or invalidated", "slow"], ["hot exit (dot)", "leaves"]])
    key.append(make("span.key", { style: `--c: var(--${colour})` }, name));
  tab.append(key, svg);
}

// ---- opening loops -----------------------------------------------------------------------------------------------------
document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-loop]");
  if (target) openLoop(+target.dataset.loop, target.dataset.line ? +target.dataset.line : null);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.dataset?.loop) event.target.click();
});
show(all("nav button")[0].dataset.tab);
