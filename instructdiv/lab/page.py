"""Page: a study as one HTML page that needs no other file and no network."""

from pathlib import Path
from typing import TYPE_CHECKING

from instructdiv.report.sheet import filled

if TYPE_CHECKING:
    from instructdiv.lab.findings import Findings


def page(findings: "Findings") -> str:
    """The page of a study, in the style of the report; the same for the same study."""
    sections = findings.sections()
    return filled(
        Path(__file__).with_name("page.html.jinja"),
        [section.chart for section in sections],
        study=findings,
        sections=[(section.title, section.table, section.chart) for section in sections],
    )
