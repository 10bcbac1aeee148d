// One article after the other: title, source, date, text with its evidence marked, and four answers.
// Article text goes in by textContent alone, so that it is never read as HTML.

const ANSWERS = [["yes", "Yes", "y"], ["no", "No", "n"], ["unsure", "Unsure", "u"], ["back", "Back", "b"]];

const STYLE = `
.tk-ask { --ink: var(--jp-ui-font-color1, #1f2933); --soft: var(--jp-ui-font-color2, #5d6770);
  --line: var(--jp-border-color2, #d5d9de); --paper: var(--jp-layout-color1, #fff); --accent: #3e5c76;
  box-sizing: border-box; max-width: 52rem; padding: 1rem 1.25rem; border: 1px solid var(--line); border-radius: 6px;
  color: var(--ink); background: var(--paper); font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
.tk-ask:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.tk-ask .tk-top { display: flex; gap: 1rem; align-items: center; color: var(--soft); font-size: 13px; }
.tk-ask progress { flex: 1; height: 6px; accent-color: var(--accent); }
.tk-ask h3 { margin: .75rem 0 .1rem; font-size: 18px; line-height: 1.3; color: var(--ink); overflow-wrap: anywhere; }
.tk-ask .tk-meta { margin: 0 0 .5rem; color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
.tk-ask .tk-meta a { color: inherit; text-decoration: underline; }
.tk-ask .tk-text { max-height: 19rem; overflow: auto; position: relative; margin: 0 0 .75rem; padding: .5rem .75rem;
  white-space: pre-line; overflow-wrap: anywhere; border-left: 3px solid var(--line); }
.tk-ask mark { background: #ffe9a8; color: #1f2933; padding: 0 .1em; }
.tk-ask .tk-question { margin: 0; font-weight: 600; }
.tk-ask .tk-about { margin: 0 0 .6rem; color: var(--soft); font-size: 13px; }
.tk-ask .tk-buttons { display: flex; flex-wrap: wrap; gap: .5rem; }
.tk-ask button { min-width: 6.5rem; padding: .45rem .9rem; border: 1px solid var(--accent); border-radius: 4px;
  background: transparent; color: var(--ink); font: inherit; cursor: pointer; }
.tk-ask button:hover:not(:disabled) { background: var(--accent); color: #fff; }
.tk-ask button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.tk-ask button:disabled { opacity: .45; cursor: default; }
.tk-ask button.tk-back { margin-left: auto; border-color: var(--line); }
.tk-ask kbd { margin-left: .45em; padding: 0 .35em; border: 1px solid currentColor; border-radius: 3px; opacity: .75;
  font: 12px/1.3 ui-monospace, monospace; background: none; color: inherit; box-shadow: none; }
.tk-ask .tk-trouble { margin: .6rem 0 0; color: #b3261e; font-weight: 600; }
.tk-ask .tk-code { display: block; margin: .7rem 0 0; color: var(--soft); font: 12px/1.4 ui-monospace, monospace;
  background: none; overflow-wrap: anywhere; user-select: all; }
`;

function element(parent, tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text) made.textContent = text;
  parent.append(made);
  return made;
}

function drawArticle(root, card) {
  const heading = element(root, "h3");
  element(heading, card.marked ? "mark" : "span", "", card.title || "(no title)");
  const meta = element(root, "p", "tk-meta", [card.source, card.date].filter(Boolean).join(" · "));
  if (card.url) {
    meta.append(" · ");
    const link = element(meta, "a", "", "open");
    Object.assign(link, { href: card.url, target: "_blank", rel: "noopener noreferrer" });
  }
  const text = element(root, "div", "tk-text");
  text.tabIndex = 0;
  text.setAttribute("aria-label", "Text of the article");
  for (const [words, evidence] of card.parts) element(text, evidence ? "mark" : "span", "", words);
  const mark = text.querySelector("mark");
  if (mark) requestAnimationFrame(() => { text.scrollTop = Math.max(0, mark.offsetTop - 60); });
}

function drawButtons(root, place, done, tell) {
  const row = element(root, "div", "tk-buttons");
  for (const [said, label, key] of ANSWERS) {
    const button = element(row, "button", `tk-${said}`, label);
    button.type = "button";
    button.disabled = said === "back" ? place === 0 : done;
    element(button, "kbd", "", key);
    button.addEventListener("click", () => tell(said));
  }
}

function keyOf(event) {
  // On a Cyrillic layout the key's place decides, on any Latin one its letter.
  const latin = /^[a-z]$/i.test(event.key);
  return latin ? event.key.toLowerCase() : event.code.replace(/^Key/, "").toLowerCase();
}

function render({ model, el }) {
  element(el, "style", "", STYLE);
  const root = element(el, "div", "tk-ask");
  root.tabIndex = 0;
  root.setAttribute("role", "group");
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab would take y, b and others for its own

  let waiting = false;
  const tell = (said) => {
    if (waiting) return;
    waiting = true;
    model.send({ said, place: model.get("place") });
    setTimeout(() => { waiting = false; }, 1500);
  };

  const draw = () => {
    const held = root.contains(document.activeElement);
    waiting = false;
    const [cards, place, theme] = [model.get("cards"), model.get("place"), model.get("theme")];
    const done = place >= cards.length;
    root.replaceChildren();
    const top = element(root, "div", "tk-top");
    const said = done ? `all ${cards.length} answered` : `${place + 1} of ${cards.length}`;
    element(top, "span", "tk-count", said).setAttribute("aria-live", "polite");
    Object.assign(element(top, "progress"), { max: Math.max(cards.length, 1), value: place }).ariaLabel = "answered";
    if (done) {
      element(root, "p", "tk-question", cards.length ? "Thank you." : "There is nothing to ask.");
      element(root, "p", "tk-about", "The answers are kept; they count from the next run of 2-themes on.");
    } else {
      drawArticle(root, cards[place]);
      element(root, "p", "tk-question", `Is this about ${theme.title}?`);
      element(root, "p", "tk-about", theme.description);
    }
    drawButtons(root, place, done, tell);
    if (model.get("trouble")) element(root, "p", "tk-trouble", model.get("trouble")).setAttribute("role", "alert");
    if (!done) element(root, "code", "tk-code", cards[place].code);
    if (held) root.focus({ preventScroll: true });
  };

  const pressed = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const found = ANSWERS.find(([, , key]) => key === keyOf(event));
    if (!found) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.repeat) return;
    const button = root.querySelector(`.tk-${found[0]}`);
    if (!button.disabled) tell(found[0]);
  };

  root.addEventListener("keydown", pressed);
  model.on("change:place", draw);
  model.on("change:trouble", draw);
  draw();
  return () => { model.off("change:place", draw); model.off("change:trouble", draw); };
}

export default { render };
