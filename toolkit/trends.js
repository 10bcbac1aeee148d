// The trends of the linked view, drawn as SVG: articles a period, then each theme's share with its band. A stretch is
// chosen by a drag, a period by a click, and both by arrows, Shift and Enter; what lies under the pointer is read out
// in words above each panel. Numbers come from the kernel, colours from JupyterLab's own.

const SVG = "http://www.w3.org/2000/svg";
const [LEFT, RIGHT, FOOT, HIGH, BARS] = [46, 10, 20, 84, 62]; // pixels
const DAY = 86400000;
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const STEPS = [["m", 1], ["m", 3], ["m", 6], ["y", 1], ["y", 2], ["y", 5], ["y", 10], ["y", 20], ["y", 50]];

function shape(parent, tag, attributes, name) {
  const made = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (name) made.setAttribute("class", name);
  parent.append(made);
  return made;
}

function nice(most) { // the least of 1, 2, 5, 10, … that three steps of reach `most`
  const unit = 10 ** Math.floor(Math.log10(most / 3 || 1));
  return [1, 2, 5, 10].map((by) => by * unit).find((step) => 3 * step >= most) || 1;
}

function weighty(periods, total) { // those that hold most articles, nineteen in twenty: a week of one does not set a scale
  const order = [...periods].sort((one, other) => total[other.at] - total[one.at]);
  const all = order.reduce((sum, one) => sum + total[one.at], 0);
  let sum = 0;
  return order.filter((one) => { const before = sum; sum += total[one.at]; return before < 0.95 * all; });
}

function timeTicks(from, to, most) {
  const days = (to - from) / DAY;
  if (days < 45) {
    const step = Math.ceil(days / most) || 1, found = [];
    for (let at = Math.ceil(from / DAY); at * DAY <= to; at += step) {
      const day = new Date(at * DAY);
      found.push([at * DAY, `${day.getUTCDate()} ${MONTHS[day.getUTCMonth()]}`]);
    }
    return found;
  }
  const months = days / 30.4;
  const [unit, by] = STEPS.find(([one, n]) => months / (one === "m" ? n : 12 * n) <= most) || STEPS.at(-1);
  const found = [], first = new Date(from), step = unit === "m" ? by : 12 * by;
  let at = first.getUTCFullYear() * 12 + (unit === "m" ? first.getUTCMonth() : 0);
  for (at -= at % step; at < 12 * 9999; at += step) {
    const when = Date.UTC(Math.floor(at / 12), at % 12, 1);
    if (when > to) break;
    if (when < from) continue;
    found.push([when, unit === "m" ? `${MONTHS[at % 12]} ${Math.floor(at / 12)}` : String(at / 12)]);
  }
  return found;
}

function drawTrends(model, root, tell) {
  root.className = "tk-trends";
  root.tabIndex = 0;
  root.setAttribute("role", "slider");
  root.setAttribute("aria-valuemin", "0");
  root.setAttribute("aria-label", "Trends: left and right read the periods, Shift with them chooses a stretch, Enter takes it");
  const read = element(root, "p", "tk-read");
  read.setAttribute("role", "status");
  const hint = "Drag over a panel to choose a stretch of time; click on one period.";
  let scale = null, panels = [], now = -1, begun = -1, drag = null;

  const draw = () => {
    const { start, total, articles, partial, lines, range, stray } = model.get("trends");
    const [from, to] = range, width = Math.max(220, root.clientWidth), inner = width - LEFT - RIGHT;
    const x = (when) => LEFT + (inner * (when - from)) / (to - from);
    scale = { x, back: (at) => from + ((at - LEFT) / inner) * (to - from), inside: (when) => when >= from && when <= to };
    for (const one of root.querySelectorAll(".tk-panel")) one.remove();
    panels = [];
    const every = start.map((when, at) => ({ when, at })).filter((one) => scale.inside(one.when));
    const ticks = timeTicks(from, to, Math.max(2, inner / 90));
    const panel = (title, high, most, format, last, colour) => {
      const box = element(root, "div", "tk-panel"), head = element(box, "div", "tk-head");
      if (colour) element(head, "i").style.background = colour;
      element(head, "span", "", title).dir = "auto";
      const value = element(head, "span", "tk-value");
      const svg = shape(box, "svg", { width, height: high + 8 + (last ? FOOT : 4), "aria-hidden": "true" });
      const step = nice(most), top = step * Math.max(1, Math.ceil(most / step - 1e-9));
      const y = (share) => 6 + high - (high * Math.min(share, top)) / top;
      for (let at = 0; at <= top + 1e-9; at += step) {
        shape(svg, "line", { x1: LEFT, x2: width - RIGHT, y1: y(at), y2: y(at) }, "tk-grid");
        shape(svg, "text", { x: LEFT - 6, y: y(at) + 4, "text-anchor": "end" }).textContent = format(at, step);
      }
      for (const [when, words] of ticks) {
        shape(svg, "line", { x1: x(when), x2: x(when), y1: 6, y2: 6 + high }, "tk-grid");
        if (last) shape(svg, "text", { x: x(when), y: high + FOOT + 2, "text-anchor": "middle" }).textContent = words;
      }
      const held = shape(svg, "rect", { x: 0, y: 6, width: 0, height: high }, "tk-held");
      const line = shape(svg, "line", { x1: 0, x2: 0, y1: 6, y2: 6 + high, visibility: "hidden" }, "tk-cross");
      panels.push({ svg, value, held, line });
      return { svg, y, top, base: 6 + high };
    };
    const count = (n) => Math.round(n).toLocaleString("en");
    const most = Math.max(1, ...every.map((one) => total[one.at]));
    const whole = stray ? `Articles (${count(stray)} with stray dates lie outside the axis)` : "Articles";
    const first = panel(whole, BARS, most, count, !lines.length);
    const gaps = every.slice(1).map((one, at) => one.when - every[at].when);
    const wide = Math.max(1, 0.85 * (x(from + (gaps.length ? Math.min(...gaps) : to - from)) - LEFT));
    for (const [values, name] of [[total, "tk-all"], [articles, "tk-some"]]) {
      for (const { when, at } of every) {
        if (!values[at]) continue;
        const up = first.y(values[at]);
        shape(first.svg, "rect", { x: x(when) - wide / 2, width: wide, y: up, height: first.base - up }, name);
      }
    }
    lines.forEach((one, place) => {
      const seen = every.filter(({ at }) => one.share[at] !== null);
      const high = Math.max(0.01, ...weighty(seen, total).map(({ at }) => one.high[at]));
      const percent = (share, step) => `${(100 * share).toFixed(step < 0.01 ? 1 : 0)}%`;
      const made = panel(`${one.title}, share of articles`, HIGH, high, percent, place === lines.length - 1, one.colour);
      made.svg.style.setProperty("--colour", one.colour);
      const pieces = [];
      for (const each of seen) {
        if (pieces.length && pieces.at(-1).at(-1).at === each.at - 1) pieces.at(-1).push(each);
        else pieces.push([each]);
      }
      const route = (piece, values) => piece.map(({ when, at }) => `${x(when).toFixed(1)},${made.y(values[at]).toFixed(1)}`);
      for (const piece of pieces) {
        shape(made.svg, "path", { d: `M${[...route(piece, one.high), ...route(piece, one.low).reverse()].join("L")}Z` },
          "tk-band");
        shape(made.svg, "path", { d: `M${route(piece, one.share).join("L")}` }, "tk-line");
      }
      if (inner / Math.max(1, every.length) < 4) return;
      for (const { when, at } of seen) {
        shape(made.svg, "circle", { cx: x(when), cy: made.y(one.share[at]), r: 3.2 }, 
          partial[at] || one.share[at] > made.top ? "tk-part" : "tk-point");
      }
    });
    mark();
    tellNow(now);
  };

  const shade = (from, to) => {
    for (const { held, svg } of panels) {
      const [low, high] = [Math.max(LEFT, Math.min(from, to)), Math.min(svg.clientWidth - RIGHT, Math.max(from, to))];
      held.setAttribute("x", low);
      held.setAttribute("width", Math.max(0, high - low));
    }
  };
  const mark = () => { // the stretch that is chosen
    const [start, end] = model.get("span");
    if (!start && !end) { shade(-1, -1); return; }
    const half = step() / 2;
    shade(start ? scale.x(Date.parse(start) - half) : -Infinity, end ? scale.x(Date.parse(end) + DAY - half) : Infinity);
  };
  const step = () => {
    const { start } = model.get("trends");
    return start.length > 1 ? Math.min(...start.slice(1).map((when, at) => when - start[at])) : DAY;
  };
  const tellNow = (at) => {
    const { start, label, total, articles, partial, lines } = model.get("trends");
    for (const { line } of panels) line.setAttribute("visibility", at < 0 ? "hidden" : "visible");
    root.setAttribute("aria-valuemax", String(start.length - 1));
    root.setAttribute("aria-valuenow", String(Math.max(0, at)));
    if (at < 0) {
      root.setAttribute("aria-valuetext", hint);
      read.textContent = hint;
      for (const { value } of panels) value.textContent = "";
      return;
    }
    const said = [`${articles[at].toLocaleString("en")} chosen of ${total[at].toLocaleString("en")} collected`,
      ...lines.map((one) => one.words[at])];
    panels.forEach(({ line, value }, place) => {
      line.setAttribute("x1", scale.x(start[at]));
      line.setAttribute("x2", scale.x(start[at]));
      value.textContent = said[place];
    });
    read.textContent = `${label[at]}${partial[at] ? ", in part" : ""}`;
    root.setAttribute("aria-valuetext", [read.textContent, said[0],
      ...lines.map((one) => `${one.title} ${one.words[at]}`)].join("; "));
  };
  const nearest = (when) => {
    const { start } = model.get("trends");
    let best = -1;
    start.forEach((one, at) => {
      if (scale.inside(one) && (best < 0 || Math.abs(one - when) < Math.abs(start[best] - when))) best = at;
    });
    return best;
  };
  const take = (low, high) => tell({ do: "span", low: Math.min(low, high), high: Math.max(low, high) });
  const place = (event) => event.clientX - panels[0].svg.getBoundingClientRect().left;
  root.addEventListener("pointerdown", (event) => {
    if (!event.target.closest("svg") || event.button) return;
    drag = place(event);
    root.setPointerCapture(event.pointerId);
    event.preventDefault();
    root.focus({ preventScroll: true });
  });
  root.addEventListener("pointermove", (event) => {
    if (!scale || !panels.length || (!event.movementX && !event.movementY)) return; // what moved was the page
    now = nearest(scale.back(place(event)));
    tellNow(now);
    if (drag !== null && Math.abs(place(event) - drag) > 3) shade(drag, place(event));
  });
  root.addEventListener("pointerup", (event) => {
    if (drag === null) return;
    const [from, to] = [scale.back(drag), scale.back(place(event))], far = Math.abs(place(event) - drag) > 3;
    drag = null;
    if (!far) take(model.get("trends").start[now], model.get("trends").start[now]);
    else if (model.get("trends").start.some((one) => one >= Math.min(from, to) && one <= Math.max(from, to))) take(from, to);
    else mark();
  });
  root.addEventListener("pointerleave", () => { if (drag === null) { now = -1; tellNow(now); } });
  root.addEventListener("dblclick", () => tell({ do: "dates", start: "", end: "" }));
  root.addEventListener("keydown", (event) => {
    const { start } = model.get("trends"), by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) {
      const next = now < 0 ? (by > 0 ? 0 : start.length - 1) : Math.min(start.length - 1, Math.max(0, now + by));
      begun = event.shiftKey ? (begun < 0 ? now : begun) : -1;
      now = next;
      tellNow(now);
      if (begun >= 0) shade(scale.x(start[begun]), scale.x(start[now]));
    } else if (event.key === "Enter" && now >= 0) take(start[begun < 0 ? now : begun], start[now]);
    else if (event.key === "Escape") tell({ do: "dates", start: "", end: "" });
    else return;
    event.preventDefault();
  });
  let wide = 0;
  const watch = new ResizeObserver(() => {
    if (Math.abs(root.clientWidth - wide) < 2 || !root.clientWidth) return;
    wide = root.clientWidth;
    draw();
  });
  watch.observe(root);
  return { draw, mark, stop: () => watch.disconnect() };
}
