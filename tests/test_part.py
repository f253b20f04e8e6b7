"""Part: which class a name stands for."""

import instructdiv as idv
from instructdiv.selectors import Selector


def test_of_two_classes_of_one_name_the_later_is_meant_but_ours_stay_ours():
    def define(n: int) -> type:
        class ReviewedPart(idv.Random):
            count: int = n

        return ReviewedPart

    first, second = define(1), define(2)
    assert Selector.known()["reviewed_part"] is second is not first

    class Random(idv.Random):
        pass

    assert Selector.known()["random"] is idv.Random
