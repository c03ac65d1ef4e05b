"""Pictures as part of a page."""

from __future__ import annotations

from grader.report import svg

FILE = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns:xlink="http://www.w3.org/1999/xlink" xmlns="http://www.w3.org/2000/svg"
     width="10pt" height="20pt" viewBox="0 0 10 20" version="1.1">
 <metadata><x xmlns="urn:x">matplotlib</x></metadata>
 <defs><style type="text/css">*{stroke-linejoin: round}</style>
  <path id="m1" d="M 0 0"/><clipPath id="p1"><rect width="1" height="1"/></clipPath></defs>
 <g id="figure_1"><g clip-path="url(#p1)"><use xlink:href="#m1" style="fill: #000001"/></g>
  <text style="font: 12px 'DejaVu Sans', sans-serif; text-anchor: middle">a &lt; b</text></g>
</svg>"""


def embedded() -> str:
    return svg.embed(
        FILE,
        name="marks",
        css_class="wide",
        title="A <title>",
        description="What it shows",
        colours={"#000001": "var(--ink)"},
    )


def test_only_the_element_itself_is_left() -> None:
    html = embedded()
    assert html.startswith('<svg class="wide" viewBox="0 0 10 20" role="img"')
    for gone in ("<?xml", "DOCTYPE", "metadata", "<style", "xmlns", 'width="10pt"', "DejaVu"):
        assert gone not in html


def test_ids_are_prefixed_where_used_and_dropped_elsewhere() -> None:
    html = embedded()
    assert 'id="marks-m1"' in html
    assert 'href="#marks-m1"' in html
    assert 'clip-path="url(#marks-p1)"' in html
    assert "figure_1" not in html


def test_colours_become_the_pages_and_text_stays_text() -> None:
    html = embedded()
    assert "fill: var(--ink)" in html
    assert "font-size: 12px; text-anchor: middle" in html
    assert "a &lt; b" in html


def test_the_picture_has_words() -> None:
    html = embedded()
    assert 'aria-labelledby="marks-title marks-description"' in html
    assert '<title id="marks-title">A &lt;title&gt;</title>' in html
    assert '<desc id="marks-description">What it shows</desc>' in html
