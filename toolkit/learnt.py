"""What the scoring learns of many articles together, kept so that others can be scored by the same figures.

Means and spreads, clusters, priors, classifiers: each is made once, of the corpus that is scored first, and stays as it
is for every corpus scored after it. So an article's score depends on what was read first and not on what stands beside
it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

Made = TypeVar("Made")


@dataclass(frozen=True)
class Learnt:
    """Figures by their names; ``name`` stands before each of them.

    >>> learnt = Learnt()
    >>> learnt.once("mean", max, 1, 2), learnt.once("mean", max, 3, 4), learnt.within("en").once("mean", max, 3, 4)
    (2, 2, 4)
    """

    known: dict[tuple[Hashable, ...], Any] = field(default_factory=dict)
    name: tuple[Hashable, ...] = ()

    def within(self, *name: Hashable) -> Learnt:
        """Return the same figures, as far as their names begin with `name`."""
        return Learnt(self.known, (*self.name, *name))

    def once(self, name: Hashable, make: Callable[..., Made], *given: Any) -> Made:
        """Return the figure called `name`; it is made by ``make(*given)`` where there is none yet."""
        key = (*self.name, name)
        if key not in self.known:
            self.known[key] = make(*given)
        found: Made = self.known[key]
        return found
