"""Instance losses beside the loss of each record alone."""

import numpy as np
import pytest

from instructdiv.errors import ParameterError, ShapeError
from instructdiv.training import LossMonitor, instance_losses
from tests.training.tiny_model import model_of, plain_losses, rows_of


@pytest.mark.parametrize("batch_size", [1, 4, 50])
def test_instance_losses_are_those_of_each_alone(batch_size: int, one_torch_thread: None):
    model, rows = model_of(), rows_of(11)
    rows[3]["labels"] = [-100] * len(rows[3]["labels"])
    model.train()
    found = instance_losses(rows, batch_size=batch_size)(model)
    assert model.training
    np.testing.assert_allclose(found, plain_losses(model, rows), rtol=1e-5)
    assert LossMonitor().record(0, found).nan == 1


def test_instances_that_are_none_are_named():
    with pytest.raises(ShapeError, match="at least one instance"):
        instance_losses([])
    with pytest.raises(ShapeError, match="instance 1 has input_ids of shape"):
        instance_losses([*rows_of(1), {"input_ids": [1, 2], "labels": [1]}])
    with pytest.raises(ShapeError, match="instance 0 needs input_ids and labels"):
        instance_losses([{"input_ids": [1]}])
    with pytest.raises(ParameterError, match="batch_size"):
        instance_losses(rows_of(1), batch_size=0)
