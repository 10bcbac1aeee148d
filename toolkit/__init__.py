"""News articles in, a briefing on themes out, and every number traceable to its articles."""

from pathlib import Path

__version__ = "0.1.0"


def checkout() -> Path | None:
    """Return the repository root when the package runs from a checkout, else None."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "pyproject.toml").is_file() and (root / "notebooks").is_dir() else None
