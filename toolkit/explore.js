// The filters and the table of the linked view, and what all its parts share (`panes` puts the parts' scripts together).
// Article text goes in by textContent alone, so that it is never read as HTML. Every question goes to the kernel, which
// answers by setting traits; a question without an answer is told.

const [PATIENCE, SLOW] = [20000, 400]; // milliseconds
const FACETS = [["theme", "Theme"], ["topic", "Topic"], ["source", "Source"], ["language", "Language"],
  ["actor", "Named"]];
const MOST_OFFERED = 500;

const STYLE = `
.tk-view { --ink: var(--jp-ui-font-color1, #1f2933); --soft: var(--jp-ui-font-color2, #4f5963);
  --line: var(--jp-border-color2, #d5d9de); --paper: var(--jp-layout-color1, #fff);
  --shade: var(--jp-layout-color2, #f2f4f6); --accent: #3e5c76;
  box-sizing: border-box; position: relative; width: 100%; color: var(--ink); background: var(--paper);
  font: 14px/1.45 system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
.jp-mod-dark .tk-view, [data-jp-theme-light="false"] .tk-view { --accent: #8fb0cc; }
.tk-view * { box-sizing: border-box; }
.tk-view :focus-visible { outline: 3px solid var(--accent); outline-offset: 1px; }
.tk-view select, .tk-view input, .tk-view button { font: inherit; color: var(--ink); background: var(--paper);
  border: 1px solid #7b8794; border-radius: 4px; padding: .2rem .45rem; min-height: 30px; }
.tk-view button { cursor: pointer; }
.tk-view button:hover:not(:disabled) { background: var(--shade); }
.tk-view button:disabled { cursor: default; color: var(--soft); border-color: var(--line); }
.tk-fields { display: flex; flex-wrap: wrap; gap: .5rem .75rem; align-items: end; }
.tk-fields label { display: flex; flex-direction: column; font-size: 12px; color: var(--soft); }
.tk-fields select { width: 6.3rem; } .tk-fields input[type=date] { width: 7.5rem; }
.tk-fields .tk-words { width: 11rem; }
.tk-chips { display: flex; flex-wrap: wrap; gap: .35rem; margin: .35rem 0 0; min-height: 30px; align-items: center; }
.tk-chips button { border-radius: 15px; background: var(--shade); max-width: 24rem; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }
.tk-status { font-weight: 600; margin-right: .5rem; }
.tk-code { display: block; color: var(--soft); background: none; font: 12px/1.5 ui-monospace, monospace;
  overflow-wrap: anywhere; user-select: all; margin: .2rem 0; max-height: 3.2em; overflow: auto; }
.tk-pages label { display: flex; align-items: center; gap: .5rem; margin-left: auto; font-size: 12px;
  color: var(--soft); }
.tk-pages label input { width: 7.5rem; } .tk-pages select { max-width: 9.5rem; }
.tk-pages .tk-kept { flex-basis: 100%; margin: 0; } .tk-kept:empty { display: none; }
.tk-view .tk-mostly { margin: .1rem 0; max-height: 1.45em; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.tk-line { display: flex; flex-wrap: wrap; gap: 0 1.5rem; align-items: baseline; }
.tk-line .tk-code { flex: 1 1 24rem; min-width: 0; } .tk-line .tk-note { margin: 0; }
.tk-trouble { margin: .3rem 0; color: #b3261e; font-weight: 600; }
.jp-mod-dark .tk-trouble, [data-jp-theme-light="false"] .tk-trouble { color: #ff8a80; }
.tk-busy { position: absolute; right: 0; top: 0; z-index: 3; margin: 0; padding: .1rem .6rem; border-radius: 4px;
  background: var(--accent); color: var(--paper); font-size: 13px; }
.tk-pending { margin: .4rem 0; font-size: 13px; } .tk-pending summary { cursor: pointer; font-weight: 600; }
.tk-pending ol { margin: .3rem 0; padding-left: 1.6rem; } .tk-pending li { margin: .15rem 0; }
.tk-pending li button { margin-left: .6rem; }
.tk-deciding:not(:empty) { margin: .4rem 0; }
.tk-acts { display: flex; flex-wrap: wrap; gap: .4rem; margin: .2rem 0 .5rem; }
.tk-passage { margin: .6rem 0 .2rem; font-size: 13px; } .tk-passage summary { cursor: pointer; } .tk-passage input { width: 14rem; max-width: 100%; }
.tk-view button[aria-pressed="true"], .tk-view button[aria-pressed="true"]:hover:not(:disabled) {
  background: var(--accent); color: var(--paper); border-color: var(--accent); }
.tk-saved:empty { display: none; }
.tk-note { margin: .2rem 0; color: var(--soft); font-size: 13px; }
.tk-articles { display: grid; grid-template-columns: minmax(0, 11fr) minmax(0, 9fr); gap: .75rem; }
@container (max-width: 760px) { .tk-articles { grid-template-columns: minmax(0, 1fr); } }
.tk-holder { container-type: inline-size; width: 100%; }
.tk-view table { border-collapse: collapse; width: 100%; table-layout: fixed; font-size: 13px; margin: 0; }
.tk-scroll { height: 30rem; overflow: auto; border: 1px solid var(--line); border-radius: 4px; }
.tk-view th { position: sticky; top: 0; z-index: 1; background: var(--shade); text-align: left; padding: 0;
  border-bottom: 1px solid var(--line); }
.tk-view th button { border: 0; background: none; width: 100%; text-align: left; font-weight: 600;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.tk-view th .tk-plain { display: block; padding: .2rem .45rem; font-weight: 600; }
.tk-view td { padding: .25rem .45rem; border-bottom: 1px solid var(--line); vertical-align: top; text-align: start;
  overflow: hidden; overflow-wrap: anywhere; }
.tk-view td > div { display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; overflow: hidden; }
.tk-view tbody tr { cursor: pointer; background: var(--paper); }
.tk-view tbody tr:hover { background: var(--shade); }
.tk-view tbody tr[aria-selected="true"] { background: var(--shade); box-shadow: inset 4px 0 0 var(--accent); }
.tk-view tbody tr:focus-visible { outline-offset: -3px; }
.tk-col-date { width: 5.9rem; } .tk-view td:first-child { white-space: nowrap; } .tk-col-source { width: 18%; } .tk-col-themes { width: 7.2rem; }
.tk-col-topic { width: 17%; }
.tk-tag { display: inline-flex; align-items: center; gap: .3em; margin-right: .5em; }
.tk-tag i { width: .75em; height: .75em; border-radius: 2px; flex: none; display: inline-block; }
.tk-pages { display: flex; gap: .5rem; align-items: center; margin: .4rem 0; flex-wrap: wrap; }
.tk-reader { border: 1px solid var(--line); border-radius: 4px; padding: .6rem .9rem; height: 33rem; overflow: auto; }
.tk-reader h3 { margin: 0 0 .15rem; font-size: 17px; line-height: 1.3; overflow-wrap: anywhere; max-height: 9.2em;
  overflow: auto; color: var(--ink); }
.tk-reader h4 { margin: .8rem 0 .25rem; font-size: 13px; color: var(--soft); font-weight: 600; }
.tk-reader .tk-meta { margin: 0 0 .4rem; color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
.tk-reader .tk-meta a { color: inherit; text-decoration: underline; }
.tk-text { white-space: pre-line; overflow-wrap: anywhere; border-left: 3px solid var(--line); padding: 0 0 0 .75rem; }
.tk-reader mark { background: #ffe9a8; color: #1f2933; padding: 0 .1em; }
.tk-reader mark sup { font-size: 10px; line-height: 1; color: #1f2933; margin-left: .25em; }
.tk-themes { display: grid; grid-template-columns: fit-content(11rem) minmax(3rem, 9rem) max-content 1fr;
  overflow-wrap: anywhere; gap: .1rem .6rem;
  align-items: center; font-size: 13px; }
.tk-view button.tk-small { min-height: 22px; padding: 0 .4rem; font-size: 12px; }
.tk-bar { height: 8px; background: var(--line); border-radius: 2px; overflow: hidden; }
.tk-bar i { display: block; height: 100%; }
.tk-trends { --keep: 100%; user-select: none; touch-action: pan-y; padding: 2px; min-width: 0; overflow: hidden; }
.jp-mod-dark .tk-trends, [data-jp-theme-light="false"] .tk-trends { --keep: 72%; }
.tk-trends svg { display: block; cursor: crosshair; }
.tk-trends text { font-size: 12px; fill: var(--soft); }
.tk-trends .tk-grid { stroke: var(--line); stroke-width: 1; shape-rendering: crispEdges; }
.tk-trends .tk-all { fill: var(--line); } .tk-trends .tk-some { fill: var(--accent); }
.tk-trends .tk-band { fill: var(--colour); fill-opacity: .2; }
.tk-trends .tk-line { fill: none; stroke: color-mix(in srgb, var(--colour) var(--keep), white); stroke-width: 2; }
.tk-trends .tk-point { fill: color-mix(in srgb, var(--colour) var(--keep), white); }
.tk-trends .tk-part { fill: var(--paper); stroke: color-mix(in srgb, var(--colour) var(--keep), white);
  stroke-width: 1.5; }
.tk-trends .tk-held { fill: var(--accent); fill-opacity: .16; }
.tk-trends .tk-cross { stroke: var(--soft); stroke-width: 1; pointer-events: none; }
.tk-head { display: flex; margin-top: 3px; gap: .4em; align-items: baseline; font-size: 13px; line-height: 1.35; }
.tk-head i { width: .75em; height: .75em; border-radius: 2px; flex: none; }
.tk-head > span:first-of-type { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; min-width: 0; }
.tk-value { margin-left: auto; font-weight: 600; white-space: nowrap; font-variant-numeric: tabular-nums; }
.tk-read { margin: 0 0 .2rem; font-size: 13px; color: var(--soft); min-height: 1.4em; text-align: end; }
.tk-list { list-style: none; margin: 0; padding: 0; }
.tk-list button { width: 100%; text-align: start; border-color: transparent; padding: .15rem .3rem; font-size: 13px;
  overflow-wrap: anywhere; }
.tk-list span { color: var(--soft); }
`;

function element(parent, tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined && text !== "") made.textContent = text;
  parent.append(made);
  return made;
}

function button(parent, text, act, name) {
  const made = element(parent, "button", name, text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

function field(parent, text, tag, type) {
  const label = element(parent, "label", "", text);
  const made = element(label, tag);
  if (type) made.type = type;
  return made;
}

// Asking the kernel; what does not answer is told ---------------------------------------------------------------

function asker(model, root) {
  let sent = 0, timer = 0;
  const trouble = element(root, "p", "tk-trouble");
  trouble.setAttribute("role", "alert");
  const show = (text) => { trouble.textContent = text; trouble.hidden = !text; };
  const busy = element(root, "p", "tk-busy", "Working…");
  busy.setAttribute("role", "status");
  busy.hidden = true;
  let slow = 0;
  const dead = "The kernel does not answer: it is busy, or it was restarted. Run this cell again to go on.";
  const tell = (what) => {
    clearTimeout(timer);
    clearTimeout(slow);
    timer = setTimeout(() => show(dead), PATIENCE);
    slow = setTimeout(() => { busy.hidden = false; }, SLOW);
    sent += 1;
    model.send({ ...what, number: sent });
  };
  const quiet = () => { clearTimeout(timer); clearTimeout(slow); busy.hidden = true; };
  const heard = () => { quiet(); show(model.get("trouble")); };
  const lost = () => { quiet(); show(dead); };
  model.on("change:answered", heard);
  model.on("change:trouble", heard);
  model.on("comm_live_update", lost);
  show(model.get("trouble"));
  return { tell, stop: () => { quiet(); model.off("change:answered", heard);
    model.off("change:trouble", heard); model.off("comm_live_update", lost); } };
}

// Filters -------------------------------------------------------------------------------------------------------

function drawFilters(model, root, tell) {
  const fields = element(root, "div", "tk-fields");
  const words = {}, selects = {};
  const fill = (name) => {
    const offered = model.get("offers")[name] || [], select = selects[name];
    words[name] = Object.fromEntries(offered.map(([value, text]) => [String(value), text]));
    if (!select) return;
    select.replaceChildren();
    Object.assign(element(select, "option", "", "any"), { value: "any" });
    offered.slice(0, MOST_OFFERED).forEach(([, text, size], place) => {
      const shown = text.length > 70 ? `${text.slice(0, 69)}…` : text;
      Object.assign(element(select, "option", "", `${shown} (${size.toLocaleString("en")})`), { value: String(place) });
    });
    const rest = offered.length - MOST_OFFERED;
    if (rest > 0) element(select, "option", "", `${rest} more: view.filter(${name}=...)`).disabled = true;
  };
  for (const [name, label] of FACETS) {
    if (!(model.get("offers")[name] || []).length) {
      words[name] = {};
      continue;
    }
    const select = selects[name] = field(fields, label, "select");
    select.dataset.name = name;
    select.addEventListener("change", () => {
      if (select.value !== "any") tell({ do: "add", name, value: model.get("offers")[name][Number(select.value)][0] });
      select.value = "any";
    });
    fill(name);
  }
  const dates = ["From", "To"].map((label) => field(fields, label, "input", "date"));
  const [start, end] = dates;
  for (const input of dates) {
    input.addEventListener("change", () => tell({ do: "dates", start: start.value, end: end.value }));
  }
  const text = field(fields, model.get("searching") ? "Words (terror*) or meaning" : "Words in the article (terror*)",
    "input", "search");
  text.className = "tk-words";
  text.addEventListener("keydown", (event) => { if (event.key === "Enter") tell({ do: "text", value: text.value }); });
  text.addEventListener("search", () => { if (!text.value) tell({ do: "text", value: "" }); });
  button(fields, "Filter", () => tell({ do: "text", value: text.value }));
  if (model.get("searching")) button(fields, "Search", () => tell({ do: "find", value: text.value }),
    "tk-find");

  const chips = element(root, "div", "tk-chips");
  const status = element(chips, "span", "tk-status");
  status.setAttribute("role", "status");
  const held = element(chips, "span");
  held.style.display = "contents";
  const mostly = element(root, "p", "tk-note tk-mostly");
  mostly.dir = "auto";
  const line = element(root, "div", "tk-line");
  const legend = element(line, "p", "tk-note", "Colour on the map: ");
  tags(legend, [...model.get("themes").map((one) => one.id), ""], model.get("themes"));
  const code = element(line, "code", "tk-code");
  code.tabIndex = 0;
  code.setAttribute("role", "textbox");
  code.setAttribute("aria-readonly", "true");
  code.setAttribute("aria-label", "The same in code");
  const saved = element(root, "p", "tk-note tk-saved");
  saved.setAttribute("role", "status");
  const deciding = element(root, "div", "tk-fields tk-deciding");
  const pending = element(root, "details", "tk-pending");
  for (const note of model.get("notes")) element(root, "p", "tk-note", `Note: ${note}.`);

  let last = "", offered = model.get("offers");
  const chip = (text, what) => {
    const made = button(held, `${text} ×`, () => tell(what));
    made.title = text;
    made.setAttribute("aria-label", `Remove the filter ${text}`);
  };
  const draw = () => {
    const choice = model.get("choice");
    if (model.get("offers") !== offered) for (const [name] of FACETS) fill(name);
    offered = model.get("offers");
    const inside = held.contains(document.activeElement);
    held.replaceChildren();
    for (const [name, label] of FACETS) {
      for (const value of choice[name] || []) {
        chip(`${label}: ${words[name][String(value)] ?? value}`, { do: "remove", name, value });
      }
    }
    if (choice.text) chip(`Words: ${choice.text}`, { do: "text", value: "" });
    if (choice.start || choice.end) {
      chip(`Dates: ${choice.start || "…"} to ${choice.end || "…"}`, { do: "dates", start: "", end: "" });
    }
    if (choice.picked) chip(choice.picked, { do: "remove", name: "picked", value: "" });
    if (held.children.length) button(held, "Clear all", () => tell({ do: "clear" }));
    if (inside) (held.querySelector("button") || fields.querySelector("select, input")).focus();
    if (document.activeElement !== text || choice.text !== last) {
      text.value = choice.text || model.get("asked");
    }
    last = choice.text;
    [start.value, end.value] = [choice.start || "", choice.end || ""];
    status.textContent = model.get("said");
    mostly.textContent = mostly.title = model.get("mostly");
    code.textContent = model.get("code");
    saved.textContent = model.get("saved");
    drawDeciding(model, deciding, tell, words.topic);
    drawPending(model, pending, tell);
  };
  return draw;
}

// The table -----------------------------------------------------------------------------------------------------

const COLUMNS = [["date", "Date"], ["source", "Source"], ["title", "Title"], ["themes", "Themes"], ["topic", "Topic"]];

function tags(parent, names, themes) {
  for (const name of names) {
    const theme = themes.find((one) => one.id === name) || { title: name || "no theme", colour: "#B8BDC4" };
    const tag = element(parent, "span", "tk-tag");
    element(tag, "i").style.background = theme.colour;
    element(tag, "span", "", theme.title);
  }
}

function breakable(parent, text) { // the name of a site breaks at its dots
  parent.dir = "auto";
  for (const part of text.split(/(?<=\.)/)) parent.append(part, document.createElement("wbr"));
}

function drawTable(model, root, tell) {
  const box = element(root, "div");
  const pages = element(box, "div", "tk-pages");
  const turn = (by) => {
    const last = Math.max(0, Math.ceil(model.get("total") / model.get("size")) - 1);
    const next = Math.min(last, Math.max(0, model.get("page") + by));
    if (next !== model.get("page")) tell({ do: "page", page: next });
  };
  const back = button(pages, "‹ Previous", () => turn(-1));
  const on = button(pages, "Next ›", () => turn(1));
  const shown = element(pages, "span");
  shown.setAttribute("role", "status");
  const order = field(pages, "", "select");
  order.setAttribute("aria-label", "Order");
  const path = field(pages, "Save as", "input", "text");
  path.value = "selection.csv";
  button(pages, "Save", () => tell({ do: "save", path: path.value }), "tk-save");
  const kept = element(pages, "p", "tk-note tk-kept");
  kept.setAttribute("role", "status");
  const scroll = element(box, "div", "tk-scroll");
  const table = element(scroll, "table");
  table.setAttribute("role", "grid");
  table.setAttribute("aria-label", "Articles");
  const head = element(element(table, "thead"), "tr");
  const heads = {};
  for (const [name, label] of COLUMNS) {
    const cell = element(head, "th", `tk-col-${name}`);
    cell.scope = "col";
    if (["date", "source", "title"].includes(name)) {
      button(cell, label, () => tell({ do: "sort", by: name, falling: model.get("by") === name
        ? !model.get("falling") : name === "date" }));
      heads[name] = cell;
    } else element(cell, "span", "tk-plain", label);
  }
  const body = element(table, "tbody");
  let focus = false;

  const open = (row) => tell({ do: "open", row });
  const go = (tr, event) => {
    const rows = [...body.children], at = rows.indexOf(tr);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to !== undefined && rows[to]) rows[to].focus();
    else if (event.key === "Enter" || event.key === " ") open(Number(tr.dataset.row));
    else if (event.key === "PageDown" || (event.key === "ArrowDown" && !rows[to])) { focus = true; turn(1); }
    else if (event.key === "PageUp" || (event.key === "ArrowUp" && !rows[to])) { focus = true; turn(-1); }
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const mark = () => {
    const now = String((model.get("card") || {}).row);
    for (const tr of body.children) tr.setAttribute("aria-selected", String(tr.dataset.row === now));
  };
  const draw = () => {
    const [rows, total, size, page] = ["rows", "total", "size", "page"].map((name) => model.get(name));
    const themes = model.get("themes");
    focus = focus || body.contains(document.activeElement);
    body.replaceChildren();
    for (const row of rows) {
      const tr = element(body, "tr");
      tr.tabIndex = body.children.length === 1 ? 0 : -1;
      tr.dataset.row = row.row;
      element(element(tr, "td"), "div", "", row.date || "no date");
      breakable(element(element(tr, "td"), "div"), row.source);
      element(element(tr, "td"), "div", "", row.title).dir = "auto";
      tags(element(element(tr, "td"), "div"), row.themes, themes);
      element(element(tr, "td"), "div", "", row.topic).dir = "auto";
      tr.addEventListener("click", () => { tr.focus(); open(row.row); });
      tr.addEventListener("focus", () => { for (const one of body.children) one.tabIndex = one === tr ? 0 : -1; });
      tr.addEventListener("keydown", (event) => go(tr, event));
    }
    if (!rows.length) {
      const cell = element(element(body, "tr"), "td", "", "No article fits: take a filter away.");
      cell.colSpan = COLUMNS.length;
    } else if (focus) body.firstChild.focus({ preventScroll: true });
    if (focus || page === 0) scroll.scrollTop = 0;
    focus = false;
    const from = page * size + 1, to = Math.min(total, from + rows.length - 1);
    shown.textContent = total ? `${from.toLocaleString("en")} to ${to.toLocaleString("en")} of ${
      total.toLocaleString("en")}` : "no articles";
    [back.disabled, on.disabled] = [page === 0, to >= total];
    for (const [name, cell] of Object.entries(heads)) {
      const way = model.get("by") === name ? (model.get("falling") ? "descending" : "ascending") : "none";
      cell.setAttribute("aria-sort", way);
      cell.firstChild.textContent = COLUMNS.find(([one]) => one === name)[1] + { descending: " ↓", ascending: " ↑",
        none: "" }[way];
    }
    order.replaceChildren();
    const orders = [["date", "by date"], ["source", "by source"], ["title", "by title"],
      ...themes.filter((one) => one.id).map((one) => [one.id, `surest for ${one.title}`]),
      ...(model.get("ranked") ? [["found", "best found first"]] : [])];
    for (const [value, text] of orders) Object.assign(element(order, "option", "", text), { value });
    order.value = model.get("by");
    mark();
  };
  order.addEventListener("change", () => tell({ do: "sort", by: order.value,
    falling: !["source", "title"].includes(order.value) }));
  return { draw, mark, say: () => { kept.textContent = model.get("kept"); } };
}

// The picture and the table that follow are for readers without a kernel; they come when all else is there.
function hideStills(el) {
  const hide = () => {
    let next = el.closest(".jp-OutputArea-child");
    for (let step = 0; next && step < 2; step += 1) {
      next = next.nextElementSibling;
      if (next && next.querySelector(".tk-still, img[src^='data:image/png']")) next.style.display = "none";
    }
  };
  const watch = new MutationObserver(hide);
  const begin = (tries) => { // at first it stands nowhere
    const area = el.closest(".jp-OutputArea");
    if (!area) { if (tries) setTimeout(() => begin(tries - 1), 100); return; }
    watch.observe(area, { childList: true, subtree: true });
    hide();
  };
  begin(100);
  return watch;
}

// The map is drawn by the kernel's leave: it is told whether JupyterLab is dark.
function followTheme(tell) {
  const dark = () => document.body.dataset.jpThemeLight === "false";
  let now = false;
  const look = () => {
    if (dark() === now) return;
    now = dark();
    const paper = getComputedStyle(document.body).getPropertyValue("--jp-layout-color1").trim();
    tell({ do: "look", dark: now, paper });
  };
  const watch = new MutationObserver(look);
  watch.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  look();
  return watch;
}

function render({ model, el }) {
  el.classList.add("tk-holder");
  element(el, "style", "", STYLE);
  const part = model.get("part");
  const outer = element(el, "div", "tk-view");
  outer.dataset.lmSuppressShortcuts = "true"; // JupyterLab would take keys for its own
  const { tell, stop } = asker(model, outer);
  const root = element(outer, "div", part === "articles" ? "tk-articles" : "");
  const ends = [stop], heard = [];
  const on = (names, draw) => { // what changes together is drawn once
    let due = false;
    const later = () => {
      if (due) return;
      due = true;
      queueMicrotask(() => { due = false; draw(); });
    };
    for (const name of names) {
      model.on(`change:${name}`, later);
      heard.push([name, later]);
    }
    draw();
  };
  if (part === "filters") {
    on(["choice", "said", "code", "saved", "offers", "pending", "pinned", "asked", "mostly"], drawFilters(model, root, tell));
    for (const watch of [followTheme(tell), hideStills(outer)]) ends.push(() => watch.disconnect());
  } else if (part === "trends") {
    const trends = drawTrends(model, root, tell);
    on(["trends"], trends.draw);
    on(["span"], trends.mark);
    ends.push(trends.stop);
  } else {
    const { draw, mark, say } = drawTable(model, root, tell);
    on(["rows", "total", "page", "by", "falling", "ranked"], draw);
    on(["card"], mark);
    on(["kept"], say);
    const reader = drawReader(model, root, tell);
    on(["card"], reader.draw);
    on(["saved"], reader.say);
  }
  outer.addEventListener("keydown", (event) => event.stopPropagation());
  return () => {
    for (const end of ends) end();
    for (const [name, draw] of heard) model.off(`change:${name}`, draw);
  };
}

export default { render };
