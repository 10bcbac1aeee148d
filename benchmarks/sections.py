"""One way to keep what a benchmark printed: a section of the Markdown file beside its script."""

from pathlib import Path


def keep(script, doc, found):
    """Put the section `found` into the script's Markdown file, in place of the one of the same title.

    The head of the file is the first line of the script's docstring and what stands behind its line of usage.
    """
    path = Path(script).with_suffix(".md")
    head = f"# {doc.splitlines()[0]}\n\n{doc.split('[--write]')[1].strip()}\n\n"
    sections = path.read_text("utf-8").split("\n## ")[1:] if path.exists() else []
    kept = ["## " + part for part in sections if found.splitlines()[0] != "## " + part.splitlines()[0]]
    path.write_text(head + "\n".join([*(part.rstrip() + "\n" for part in kept), found]), "utf-8")
