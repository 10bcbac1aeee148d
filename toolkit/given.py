"""What was given on the command line, looked at before an hour of work depends on it."""

from __future__ import annotations

from pathlib import Path


def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return the parameters by name; `SettingsError` where one is given twice."""
    from toolkit.schema import SettingsError

    values: dict[str, object] = {}
    for name, value in pairs:
        if name in values:
            raise SettingsError(f"The parameter {name!r} is given twice: give it once.")
        values[name] = value
    return values


def check_files(values: object) -> None:
    """Read the analyst's own files, if any are named, before an hour of work depends on them."""
    for name in ("themes", "gazetteer", "decisions"):
        path = values.get(name) if isinstance(values, dict) else None
        if path:
            load(name, Path(path))


def load(kind: str, path: Path) -> object:
    """Read a file of ``themes`` or ``decisions``, else a gazetteer; raises what is wrong with it."""
    if kind == "themes":
        from toolkit.themefile import load_themes

        return load_themes(path)
    if kind == "decisions":
        from toolkit.decisionfile import read_decisions

        return read_decisions(path)
    from toolkit.gazetteer import load_gazetteer

    return load_gazetteer(path)
