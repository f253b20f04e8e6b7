"""Sheet: what every page is made of: one style, scripts by their digests, and nothing fetched."""

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from instructdiv.core.wording import number
from instructdiv.report.rendering.chart import Chart

if TYPE_CHECKING:
    from jinja2 import Template


def filled(template: Path, drawn: Iterable[Chart], /, **content: Any) -> str:
    """A template filled in, with the figures of charts, as one file that needs no other.

    Parameters
    ----------
    template
        The file of the template. It is given `policy`, `style`, `plotly`, `script`,
        `chart_data` and `json` beside the content.
    drawn
        What the script draws where the template has a place of that name.
    **content
        What else the template is given.
    """
    plotly, script = _scripts()
    return (
        _template(template)
        .render(
            **content,
            json=_json,
            chart_data=_json({chart.name: chart.figure for chart in drawn}),
            plotly=Markup(plotly),  # noqa: S704
            script=Markup(script),  # noqa: S704
            style=Markup(_read("page.css")),  # noqa: S704
            policy=_policy([plotly, script]),
        )
        .lstrip()
    )


def _json(value: Any) -> Markup:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)  # noqa: S704


def _written(value: Any) -> Any:
    """What a template writes: what prints, whoever wrote the text."""
    if value is None:
        return ""
    if isinstance(value, str) and not isinstance(value, Markup) and not value.isprintable():
        return "".join(c if c.isprintable() else " " for c in value)
    return value


def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


@lru_cache(maxsize=4)
def _template(path: Path) -> "Template":
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True,
        finalize=_written,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    environment.filters["count"] = lambda value: f"{value:,}"
    environment.filters["percent"] = lambda value: f"{value:.1%}"
    return environment.from_string(path.read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _scripts() -> tuple[str, str]:
    from plotly.offline import get_plotlyjs

    return get_plotlyjs().replace("\r\n", "\n"), _read("page.js")


def _policy(scripts: Sequence[str]) -> str:
    """What the page may do: run these scripts, and nothing that leaves it.

    plotly draws with WebGL by functions that it makes from text.
    """
    digests = [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts
    ]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed} 'unsafe-eval'; style-src 'unsafe-inline'; "
        "img-src data: blob:; connect-src 'none'; base-uri 'none'; form-action 'none'"
    )
