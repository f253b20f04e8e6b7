"""What selectors say they need, they need; all others do without it."""

import pytest

from instructdiv import Pool
from instructdiv.errors import ShapeError
from instructdiv.selectors import Selector
from tests.cli.commands import ROWS

OWN = {n: s for n, s in Selector.known().items() if s.__module__.startswith("instructdiv.")}
POOLS = Pool.together({"data": ROWS, "target": ROWS[::5]}, embedder="lexical")
FULL = Pool.together(
    {"data": [row | {"score": i} for i, row in enumerate(ROWS)], "target": ROWS[::5]},
    embedder="lexical",
    group="domain",
    each={"data": {"quality": "score"}},
)


@pytest.mark.parametrize("name", OWN)
def test_a_selector_needs_what_it_says_and_nothing_else(name: str) -> None:
    selector = OWN[name]()
    target = {"target": POOLS["target"]} if selector.needs_target else {}
    if selector.needs:
        with pytest.raises(ShapeError):
            selector.select(POOLS["data"], 5, **target)  # type: ignore[arg-type]
        target = {"target": FULL["target"]} if selector.needs_target else {}
        found = selector.select(FULL["data"], 5, **target)  # type: ignore[arg-type]
    else:
        found = selector.select(POOLS["data"], 5, **target)  # type: ignore[arg-type]
    assert len(found) == 5
