// The reader of the linked view: an article with the passages that speak for its themes, answers to these, a passage to
// search by or to keep as a seed, and the articles like it. Article text goes in by textContent alone.

function listArticles(root, title, articles, tell, note) {
  if (!articles.length) return;
  element(root, "h4", "", title);
  const list = element(root, "ul", "tk-list");
  for (const one of articles) {
    const made = button(element(list, "li"), "", () => tell({ do: "open", row: one.row }));
    element(made, "span", "", `${[one.date, one.source].filter(Boolean).join(" · ")}${note(one)} `);
    Object.assign(element(made, "bdi", "", one.title), { dir: "auto" });
  }
}

function drawPassage(model, reader, text, tell) {
  const outer = element(reader, "details", "tk-passage");
  element(outer, "summary", "", "Search by a passage, or keep it as a seed: mark it in the text");
  const box = element(outer, "div", "tk-fields");
  const passage = field(box, "The passage", "input", "text");
  const buttons = [button(box, "Search for it", () => tell({ do: "find", value: passage.value }))];
  if (model.get("deciding")) buttons.push(drawSeed(model, box, tell, "Keep as a seed", () => passage.value));
  const able = () => { for (const one of buttons) one.disabled = !passage.value.trim(); };
  passage.addEventListener("input", able);
  const take = () => {
    const marked = String(window.getSelection()).replace(/\s+/g, " ").trim();
    if (marked) {
      passage.value = marked.slice(0, 1000);
      outer.open = true;
    }
    able();
  };
  for (const event of ["mouseup", "keyup"]) text.addEventListener(event, take);
  able();
}

function drawReader(model, root, tell) {
  const reader = element(root, "section", "tk-reader");
  reader.tabIndex = 0;
  reader.setAttribute("aria-label", "Reader");
  let kept = null;
  const say = () => { if (kept) kept.textContent = model.get("saved"); };
  const draw = () => {
    const card = model.get("card"), themes = model.get("themes");
    reader.replaceChildren();
    if (!card || card.row === undefined) {
      element(reader, "p", "tk-note", "Choose a row of the table (click, or Enter) to read the article here.");
      return;
    }
    const title = (name) => (themes.find((one) => one.id === name) || { title: name }).title;
    if (card.title) {
      const heading = element(reader, "h3");
      heading.dir = "auto";
      const titled = element(heading, card.titled.length ? "mark" : "span", "", card.title);
      if (card.titled.length) titled.title = `speaks for ${card.titled.map(title).join(", ")}`;
    }
    const meta = element(reader, "p", "tk-meta", card.meta.join(" · "));
    if (card.url) {
      meta.append(" · ");
      const link = element(meta, "a", "", "open");
      Object.assign(link, { href: card.url, target: "_blank", rel: "noopener noreferrer" });
    }
    const acts = element(reader, "div", "tk-acts");
    if (model.get("searching")) button(acts, "More like this", () => tell({ do: "like", row: card.row }), "tk-small");
    if (card.topic) {
      const topic = button(acts, "", () => tell({ do: "add", name: "topic", value: card.topic_id }), "tk-small");
      topic.append("Topic: ");
      element(topic, "bdi", "", card.topic);
      topic.title = "Choose the articles of this topic";
    }
    const grid = element(reader, "div", "tk-themes");
    for (const one of card.themes) {
      const theme = themes.find((each) => each.id === one.theme);
      element(grid, one.carried ? "strong" : "span", "", theme.title);
      const bar = element(element(grid, "div", "tk-bar"), "i");
      Object.assign(bar.style, { width: `${100 * one.share}%`, background: theme.colour });
      element(grid, "span", "", one.words);
      const answers = element(grid, "span");
      if (one.carried && card.parts.some(([, speaks]) => speaks.includes(one.theme))) {
        const jump = button(answers, "passage", () => reader.querySelector(`mark[data-theme~="${one.theme}"]`)
          .scrollIntoView({ block: "center" }), "tk-small");
        jump.setAttribute("aria-label", `${theme.title}: to the passage that speaks for it`);
      }
      if (!model.get("deciding")) continue;
      const asked = { article_id: card.article_id, theme: one.theme };
      const given = (card.answered || {})[one.theme];
      for (const answer of ["right", "wrong"]) {
        const held = ["yes", "no"].includes(given) && (answer === "right") === ((given === "yes") === one.carried);
        const said = button(answers, answer, () => tell({ do: "decide", decision: { what: held ? "unmark" : answer,
          ...asked } }), "tk-small");
        said.setAttribute("aria-label", `${theme.title}: ${answer}`);
        said.setAttribute("aria-pressed", String(held));
        const about = (answer === "right") === one.carried ? "is" : "is not";
        said.title = held ? "Press again to take this answer back" : `It ${about} about ${theme.title}`;
      }
    }
    kept = element(reader, "p", "tk-note");
    kept.setAttribute("role", "status");
    const text = element(reader, "div", "tk-text");
    text.dir = "auto";
    text.style.marginTop = ".6rem";
    for (const [words, speaks] of card.parts) {
      const part = element(text, speaks.length ? "mark" : "span", "", words);
      if (speaks.length) {
        part.dataset.theme = speaks.join(" ");
        part.title = `speaks for ${speaks.map(title).join(", ")}`;
        element(part, "sup", "", speaks.map(title).join(", "));
      }
    }
    if (model.get("searching")) drawPassage(model, reader, text, tell);
    if (card.named.length) element(reader, "p", "tk-meta", `Named: ${card.named.join(", ")}`);
    listArticles(reader, `The same story, told ${card.reprinted} more time${card.reprinted > 1 ? "s" : ""}`,
      card.reprints, tell, () => "");
    listArticles(reader, "Nearest in content (cosine)", card.near, tell, (one) => ` · ${one.cosine}`);
    reader.scrollTop = 0;
  };
  return { draw, say };
}

