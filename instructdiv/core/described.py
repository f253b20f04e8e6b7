"""Described: objects too large to print whole show one line, and a small table in a notebook."""

import html
from abc import ABC, abstractmethod
from collections.abc import Mapping


class Described(ABC):
    """Base of such an object; it tells its facts, each as a name and a short text."""

    @abstractmethod
    def _facts(self) -> Mapping[str, object]:
        """What is shown, in order; facts that are None are left out."""

    def _shown(self) -> dict[str, str]:
        return {
            name: f"{value:,}" if isinstance(value, int) else str(value)
            for name, value in self._facts().items()
            if value is not None
        }

    def __repr__(self) -> str:
        said = ", ".join(f"{name}: {value}" for name, value in self._shown().items())
        return f"{type(self).__name__}({said})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
            for name, value in self._shown().items()
        )
        return f"<table><caption>{type(self).__name__}</caption>{rows}</table>"


def few(names: "tuple[str, ...] | list[str]", most: int = 3) -> str:
    """The first names, and how many there are beside them.

    Examples
    --------
    >>> few(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    shown = ", ".join(f"{name:.60}" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"
