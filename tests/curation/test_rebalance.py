"""rebalance: a data set in, a data set out."""

from datasets import Dataset, Image
from PIL import Image as Picture

import instructdiv as idv
from tests.shared_data import NUMBERED, recipe


def test_a_picture_is_carried_along_and_read_by_no_one(tmp_path):
    picture = Picture.new("RGB", (2, 2), (200, 10, 10))
    data = Dataset.from_list([row | {"image": picture} for row in NUMBERED])
    assert isinstance(data.features["image"], Image)
    chosen = idv.rebalance(data, 5, embedder="lexical")
    assert chosen.features == data.features
    assert chosen[0]["image"].getpixel((0, 0)) == (200, 10, 10)
    digests = [idv.curate(recipe(), data).records.digests() for _ in range(2)]
    assert digests[0] == digests[1]
