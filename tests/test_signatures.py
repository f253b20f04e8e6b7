"""Signatures of public functions and methods read well in help()."""

import inspect
from collections.abc import Iterator

import pytest

import instructdiv
from instructdiv import metrics, training


def public() -> Iterator[tuple[str, object]]:
    for module in (instructdiv, training, metrics):
        for name in module.__all__:
            found = getattr(module, name)
            if inspect.isclass(found):
                for own, member in inspect.getmembers(found, callable):
                    if not own.startswith("_"):
                        yield f"{name}.{own}", member
            elif callable(found):
                yield name, found


@pytest.mark.parametrize(("name", "function"), [pytest.param(*x, id=x[0]) for x in public()])
def test_a_signature_names_its_types_instead_of_listing_all_they_may_be(name: str, function):
    try:
        signature = str(inspect.signature(function))
    except (TypeError, ValueError):
        pytest.skip(f"{name} has no signature")
    assert "_Buffer" not in signature
    assert "_SupportsArray" not in signature


def test_an_order_comes_after_its_pool_and_before_the_target():
    assert list(inspect.signature(training.track).parameters)[:3] == ["pool", "order", "target"]
