"""A small sweep that several tests look at."""

from typing import Any

import pytest

from instructdiv.experiments import share_grid
from tests.shared_data import CODE, LAW


@pytest.fixture(scope="module")
def small() -> Any:
    """Two mixes, to be written and trained on."""
    return share_grid(CODE[:8], {"law": LAW[:4]}, shares=[0.25], embedder="lexical")
