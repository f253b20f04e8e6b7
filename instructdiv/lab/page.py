"""Page: a study as one HTML page that needs no other file and no network."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from instructdiv.report.page import _json, _policy, _scripts, _style, _written

if TYPE_CHECKING:
    from jinja2 import Template

    from instructdiv.lab.study import Study


def page(study: "Study") -> str:
    """The page of a study, in the style of the report; the same for the same study."""
    plotly, script = _scripts()
    charts = [result.chart() for result in study.settings]
    sections = zip(study.tables().items(), charts, strict=True)
    return (
        _template()
        .render(
            study=study,
            sections=[(title, table, chart) for (title, table), chart in sections],
            figures=_json({chart.name: chart.figure for chart in charts}),
            plotly=Markup(plotly),  # noqa: S704
            script=Markup(script),  # noqa: S704
            style=Markup(_style()),  # noqa: S704
            policy=_policy([plotly, script]),
        )
        .lstrip()
    )


@lru_cache(maxsize=1)
def _template() -> "Template":
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True,
        finalize=_written,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.from_string(
        Path(__file__).with_name("page.html.jinja").read_text(encoding="utf-8")
    )
