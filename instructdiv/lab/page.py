"""Page: a study as one HTML page that needs no other file and no network."""

from pathlib import Path
from typing import TYPE_CHECKING

from instructdiv.report.sheet import filled

if TYPE_CHECKING:
    from instructdiv.lab.study import Study


def page(study: "Study") -> str:
    """The page of a study, in the style of the report; the same for the same study."""
    charts = [result.chart() for result in study.settings]
    sections = zip(study.tables().items(), charts, strict=True)
    return filled(
        Path(__file__).with_name("page.html.jinja"),
        charts,
        study=study,
        sections=[(title, table, chart) for (title, table), chart in sections],
    )
