"""Rebuild the lock files: pinned, hashed, one a use, and no address of a registry in them.

Usage: python requirements/lock.py PATH_TO_UV
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
HEAVY = ["datamapplot", "hdbscan", "llvmlite", "numba", "sentence-transformers", "torch", "umap-learn"]
"""What BERTopic asks for and works without; it costs half a minute in every fresh process."""
UNUSED = ["formulaic", "ipymarkup", "playwright", "pymorphy2", "razdel", "slovnet", "yargy"]
"""What natasha, statsmodels and axe-playwright-python ask for: used here are the word vectors of the first, STL of the
second, and of the third the checks of pages (axe-core), which selenium runs."""
LOCKS = {"run": [], "test": ["test", "lab", "cluster"], "lab": ["lab"], "cluster": ["cluster"], "full": ["full"]}
"""File -> extras of pyproject.toml; the tests open JupyterLab and start a Dask cluster, so they need all of both."""


def compile_lock(uv: str, name: str, more: list[str], without: list[str]) -> None:
    """Write one lock file; packages in `without` are resolved away."""
    with tempfile.TemporaryDirectory() as folder:
        overrides = Path(folder) / "overrides.txt"
        overrides.write_text("".join(f'{package}; python_version < "0"\n' for package in without), encoding="utf-8")
        out = HERE / f"{name}.txt"
        subprocess.run(  # noqa: S603
            [
                *(uv, "pip", "compile", *more, str(HERE / "build.in")),
                *("--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url"),
                *("--no-annotate", "--no-header", "--quiet", "--override", str(overrides), "--output-file", str(out)),
            ],
            check=True,
            cwd=HERE.parent,
        )


def main() -> None:
    """Compile every lock; the sentence-transformers one holds what comes on top of `run` and torch."""
    uv = sys.argv[1]
    for name, extras in LOCKS.items():
        chosen = [option for extra in extras for option in ("--extra", extra)]
        without = [p for p in HEAVY if name != "full" or p in ("datamapplot", "sentence-transformers", "torch")]
        compile_lock(uv, name, ["pyproject.toml", *chosen], [*without, *UNUSED])
    compile_lock(uv, "transformers", [str(HERE / "transformers.in")], ["torch", "openvino-telemetry"])


if __name__ == "__main__":
    main()
