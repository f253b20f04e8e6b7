"""Signatures of what watches a training read well in help()."""

import inspect

import pytest

from instructdiv import training


@pytest.mark.parametrize("name", [n for n in training.__all__ if n[0].islower()])
def test_a_signature_names_its_types_instead_of_listing_all_they_may_be(name: str):
    signature = str(inspect.signature(getattr(training, name)))
    assert "Buffer" not in signature
    assert len(signature) < 260


def test_an_order_comes_after_its_pool_and_before_the_target():
    assert list(inspect.signature(training.track).parameters)[:3] == ["pool", "order", "target"]
