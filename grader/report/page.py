"""Renders templates into self-contained pages: escaping, styles, script and what may run."""

from __future__ import annotations

import base64
import hashlib
from functools import cache, partial
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from grader.assignment import Description
from grader.report import display


def render(
    template: str, description: Description, *, script: bool = False, **values: object
) -> str:
    """One page from a template of this package.

    Args:
        template: its name without suffix, e.g. `student`.
        description: the assignment that the page is about; it says how marks are rounded.
        script: whether the page carries the script that sorts and filters tables.
        values: what the template shows; text is cleaned and escaped on its way out.
    """
    code = _asset("sort.js") if script else ""
    page = _environment(description.rounding).get_template(f"{template}.html.j2")
    return page.render(
        description=description,
        **values,
        style=Markup(_asset("style.css") + _asset("runs.css")),
        script=Markup(code),
        policy=_policy(code),
    )


def _policy(script: str) -> str:
    """A Content-Security-Policy under which nothing runs or loads but what we wrote."""
    rules = ["default-src 'none'", "style-src 'unsafe-inline'", "img-src data:"]
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        rules.append(f"script-src 'sha256-{digest}'")
    return "; ".join([*rules, "base-uri 'none'", "form-action 'none'"])


def _finalize(value: object) -> object:
    """Every expression of every template passes here before it is escaped."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return display.clean(value)
    return value


@cache
def _asset(name: str) -> str:
    return (resources.files(__package__) / "templates" / name).read_text(encoding="utf-8")


@cache
def _environment(rounding: float) -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        name=display.name,
        marks=display.marks,
        earned=partial(display.marks, step=rounding),
        column=partial(display.column, step=rounding),
        fixed=display.fixed,
        share=display.percent,
        duration=display.duration,
        moment=display.moment,
    )
    environment.filters["figure"] = display.number
    environment.globals["count"] = display.count
    return environment
