"""The evidence: what the paper worked out follows from its scores, and nothing bad is left out."""

import json

import pytest
from pydantic import ValidationError

import instructdiv as idv
from instructdiv.errors import InputError
from instructdiv.published import Evidence, Finding, findings

ROWS = idv.evidence()
ITEMS: tuple[Evidence | Finding, ...] = (*ROWS, *findings())
BY_ID = {row.id: row for row in ROWS}


def table(number: int) -> list[Evidence]:
    return [row for row in ROWS if row.table == number]


def test_the_tables_have_thirty_nine_rows():
    assert [len(table(number)) for number in (1, 2, 3)] == [15, 6, 18]
    assert [row.id for row in table(2)] == [f"only-if-2.{i}" for i in range(1, 7)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_every_average_and_gain_follows_from_the_scores(row: Evidence):
    assert row.derived.keys() == row.printed.keys()
    for name, printed in row.printed.items():
        # The paper took gains of averages that it had rounded to one digit, but in table 3.
        rounding = 0.0501 if name.startswith("average") else 0.2
        if row.table == 3:
            rounding = 0.03
        assert row.derived[name] == pytest.approx(printed, abs=rounding), name


def test_every_number_that_was_printed_is_there():
    averages = [name for row in ROWS for name in row.printed if name.startswith("average")]
    gains = [name for row in ROWS for name in row.printed if name.startswith("gain")]
    assert len(averages) == 15 * 3 + 6
    assert len(gains) == 13 + (5 + 3) + (15 + 14)
    assert sum(len(row.scores) for row in ROWS) == 39 * 4


def test_every_total_is_what_its_row_says_but_for_one():
    odd = [row for row in ROWS if row.total != pytest.approx(row.budget)]
    assert [row.id for row in odd] == ["only-if-1.11"]
    assert odd[0].total == 74
    assert "sic" in odd[0].note


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_control_is_the_core_alone_of_the_same_model(row: Evidence):
    if row.control is None:
        assert row.beyond_core == 0
        assert row.gains == {}
        return
    control = BY_ID[row.control]
    assert control.beyond_core == 0
    assert (control.model, control.budget) == (row.model, row.budget)
    assert next(iter(control.mix)) == next(iter(row.mix))
    assert row.beyond_core > 0


def test_a_smaller_control_has_twenty_thousand_records_less():
    for row in table(3):
        if row.budget > 20:
            smaller = BY_ID[row.controls["smaller_total"]]
            assert smaller.total == row.total - 20
            assert smaller.control is None


def test_five_of_fourteen_lose_once_instruction_following_is_left_out():
    diversified = [row for row in table(3) if row.control]
    assert len(diversified) == 14
    assert all(row.gains["overall"] > 0 for row in diversified)
    losing = {row.id: round(row.gains["without_if"], 1) for row in diversified}
    losing = {id_: gain for id_, gain in losing.items() if gain < 0}
    assert losing == {
        "only-if-3.10": -1.3,
        "only-if-3.11": -5.1,
        "only-if-3.15": -0.8,
        "only-if-3.16": -1.5,
        "only-if-3.18": -2.2,
    }
    assert all("without_if" in BY_ID[id_].loses for id_ in losing)
    assert "-5.1 % without instruction following" in str(BY_ID["only-if-3.11"])


def test_too_much_beyond_the_core_hurts():
    first = table(1)[:6]
    assert [row.beyond_core for row in first] == pytest.approx([0, 0.05, 0.1, 0.15, 0.2, 0.25])
    assert max(first, key=lambda row: row.overall).id == "only-if-1.3"
    assert first[-1].overall < first[1].overall
    worst = BY_ID["only-if-1.9"]
    assert "average" in worst.loses
    assert worst.printed["gain_same_total"] == -0.6
    assert "-0.6 %" in str(worst)


def test_two_sources_beat_one_in_three_pairs_of_six():
    pairs = [(2, 3, 4), (2, 5, 6), (1, 8, 9), (1, 10, 11), (1, 12, 13), (1, 14, 15)]
    won = [
        BY_ID[f"only-if-{t}.{two}"].overall > BY_ID[f"only-if-{t}.{one}"].overall
        for t, one, two in pairs
    ]
    assert won == [True, True, False, False, True, False]


def test_half_of_what_is_added_was_the_best_at_every_total():
    for total in (40, 60, 80):
        best = max((row for row in table(3) if row.total == total), key=lambda row: row.overall)
        assert best.added == {"UltraInteract": 10, "OpenOrca": 10, "Alpaca": 0}


def test_an_overall_below_all_its_parts_is_pointed_out():
    odd = [
        row.id
        for row in table(3)
        if row.overall < min(row.scores["instruction_following"], row.scores["without_if"])
    ]
    assert odd == ["only-if-3.10"]
    assert "no parts of one average" in BY_ID["only-if-3.10"].note


def test_an_id_gives_its_row_or_its_finding():
    for row in ROWS:
        assert idv.evidence(row.id) == row
    for finding in findings():
        assert idv.evidence(finding.id) is finding


@pytest.mark.parametrize("finding", findings(), ids=lambda finding: finding.id)
def test_a_finding_says_what_limits_it_and_names_rows_that_are_there(finding: Finding):
    assert finding.says.endswith(".")
    assert finding.caveat
    assert finding.caveat in str(finding)
    assert set(finding.rows) <= set(BY_ID)
    assert finding.source.startswith("arXiv:")


def test_no_id_is_given_twice():
    ids = [item.id for item in ITEMS]
    assert len(ids) == len(set(ids))


def test_an_unknown_id_is_told_what_there_is():
    with pytest.raises(InputError, match="'only-if-4.1'; rows are only-if-1.1 to only-if-3.18"):
        idv.evidence("only-if-4.1")


def test_what_a_caller_changes_stays_with_him():
    mine = idv.evidence()[0]
    with pytest.raises(ValidationError):
        mine.model = "another"  # type: ignore[misc]
    mine.scores["MBPP"] = 0.0  # type: ignore[index]
    assert idv.evidence()[0].scores["MBPP"] == 75.7
    assert idv.evidence("only-if-1.3").gains["MBPP"] > -1  # type: ignore[union-attr]


def test_evidence_is_written_as_json():
    for item in ITEMS:
        assert json.loads(item.to_json())["id"] == item.id
    assert json.loads(BY_ID["only-if-3.18"].to_json())["loses"] == ["without_if", "without_math"]
