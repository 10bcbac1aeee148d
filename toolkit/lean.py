"""BERTopic without the parts that it can do without: where umap, hdbscan or torch are installed it would load them all.

That takes half a minute with numba's compiler, and none of it is used. BERTopic supports being installed without them;
here they are hidden while it is imported.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import sys
from collections.abc import Iterator, Sequence

HIDDEN = frozenset(
    {"umap", "hdbscan", "numba", "llvmlite", "torch", "transformers", "sentence_transformers", "datamapplot"}
)


class _Hide:
    """A finder that knows the hidden packages not to be there."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Raise for what is hidden, and leave the rest to the other finders."""
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"{name} is hidden while another package is imported", name=name)
        return None


@contextlib.contextmanager
def hidden() -> Iterator[None]:
    """Hide the heavy packages from what is imported inside; what is loaded already stays."""
    finder = _Hide()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
