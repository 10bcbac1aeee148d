// What is decided in the linked view: topics merged, renamed, split, pinned to a theme or hidden, a search kept as a
// seed of a theme; and the list of what the run does not know yet, where each can be taken back.

function choices(parent, label, pairs, now) {
  const made = field(parent, label, "select");
  for (const [value, text] of pairs) Object.assign(element(made, "option", "", text), { value: String(value) });
  if (now !== undefined) made.value = now;
  return made;
}

function drawSeed(model, root, tell, words, phrase) { // a phrase speaks for a theme, or against it
  const box = element(root, "div", "tk-fields");
  const side = choices(box, "It speaks", [["seeds", "for"], ["against", "against"]]);
  const theme = choices(box, "the theme", model.get("themes").map((one) => [one.id, one.title]));
  return button(box, words, () => tell({ do: "decide", decision: { what: "seed", theme: theme.value,
    phrase: phrase(), side: side.value } }));
}

function drawDeciding(model, root, tell, words) {
  const { topic: topics = [] } = model.get("choice"), query = model.get("asked");
  const themes = model.get("themes"), own = Object.fromEntries(model.get("pinned"));
  const key = JSON.stringify([topics.map((topic) => [topic, words[String(topic)], own[topic]]), query]);
  if (!model.get("deciding") || root.dataset.shown === key) return;
  root.dataset.shown = key;
  const inside = root.contains(document.activeElement);
  root.replaceChildren();
  const decide = (what) => tell({ do: "decide", decision: { topics, ...what } });
  if (topics.length > 1) {
    const name = field(root, "Their name together (optional)", "input", "text");
    name.className = "tk-words";
    button(root, `Merge these ${topics.length} topics`, () => decide({ what: "merge", name: name.value }));
  }
  if (topics.length === 1) {
    const name = field(root, "Name of this topic", "input", "text");
    name.className = "tk-words";
    name.value = words[String(topics[0])] ?? "";
    button(root, "Rename", () => decide({ what: "rename", name: name.value }));
    const parts = choices(root, "Parts", [2, 3, 4, 5, 6].map((n) => [n, n]));
    button(root, "Split", () => decide({ what: "split", into: Number(parts.value) }));
    const theme = choices(root, "Its theme", [["", "none"], ...themes.map((one) => [one.id, one.title])], own[topics[0]]);
    const pin = button(root, "Pin to theme", () => decide({ what: "pin", theme: theme.value }));
    theme.addEventListener("change", () => { pin.disabled = !theme.value; });
    pin.disabled = !theme.value;
    button(root, "Hide", () => decide({ what: "hide" }));
  }
  if (query && themes.length) {
    const short = query.length > 40 ? `${query.slice(0, 39)}…` : query;
    drawSeed(model, root, tell, `Keep “${short}” as a seed`, () => query);
  }
  const first = root.querySelector("input, select, button");
  if (inside && first) first.focus();
}

function drawPending(model, root, tell) {
  const pending = model.get("pending"), inside = root.contains(document.activeElement);
  root.replaceChildren();
  root.hidden = !pending.length;
  if (!pending.length) return;
  element(root, "summary", "", `${pending.length} decided and not in this run yet`);
  const list = element(root, "ol");
  for (const one of pending) {
    const item = element(list, "li");
    element(item, "bdi", "", one.said);
    if (one.why) element(item, "span", "tk-note", ` not shown here: ${one.why}`);
    const undo = one.seed ? { what: "unseed", seed: one.seed } : { what: "undo", number: one.number, said: one.said };
    const back = button(item, "Take back", () => tell({ do: "decide", decision: undo }), "tk-small");
    back.setAttribute("aria-label", `Take back: ${one.said}`);
  }
  if (inside) root.querySelector("button, summary").focus();
}
