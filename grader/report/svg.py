"""Turns a picture that matplotlib wrote as a file into a part of a page.

Removed are the XML prologue, metadata, the style sheet (it would reach the whole page), fixed sizes
and fonts. Ids get a prefix, because a page holds several pictures; colours become the page's.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping

_SVG = "{http://www.w3.org/2000/svg}"
_DROPPED = (f"{_SVG}style", f"{_SVG}metadata")
_HREF = "{http://www.w3.org/1999/xlink}href"
_FONT = re.compile(r"font: (?:[a-z]+ )*(\d+(?:\.\d+)?)px [^;]*")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


def embed(
    source: str,
    *,
    name: str,
    css_class: str,
    title: str,
    description: str,
    colours: Mapping[str, str],
) -> str:
    """The picture as an `<svg>` element for an HTML page.

    Args:
        source: the SVG file, as text.
        name: unique in the page; every id starts with it.
        css_class: the class of the element.
        title: read out instead of the picture.
        description: what can be seen in it, in a sentence.
        colours: what the page paints for each colour of the file.
    """
    root = ET.fromstring(source)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in _DROPPED or not child.tag.startswith(_SVG):
                parent.remove(child)
    referenced = {r for e in root.iter() for r in _references(e)}
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        _adapt(element, name, referenced, colours)
    view_box = root.attrib["viewBox"]
    root.attrib.clear()
    root.attrib.update(
        {
            "class": css_class,
            "viewBox": view_box,
            "role": "img",
            "aria-labelledby": f"{name}-title {name}-description",
        }
    )
    for position, (tag, text) in enumerate((("title", title), ("desc", description))):
        suffix = "title" if tag == "title" else "description"
        spoken = ET.Element(tag, {"id": f"{name}-{suffix}"})
        spoken.text = text
        root.insert(position, spoken)
    return ET.tostring(root, encoding="unicode", short_empty_elements=False)


def _references(element: ET.Element) -> list[str]:
    found = [r for value in element.attrib.values() for r in _REFERENCE.findall(value)]
    href = element.get(_HREF, "")
    return [*found, href[1:]] if href.startswith("#") else found


def _adapt(
    element: ET.Element, name: str, referenced: set[str], colours: Mapping[str, str]
) -> None:
    own_id = element.attrib.pop("id", None)
    if own_id in referenced:
        element.set("id", f"{name}-{own_id}")
    href = element.attrib.pop(_HREF, None)
    if href is not None:
        element.set("href", f"#{name}-{href[1:]}")
    for key, value in element.attrib.items():
        changed = _REFERENCE.sub(rf"url(#{name}-\1)", value)
        if key == "style":
            changed = _FONT.sub(r"font-size: \1px", changed)
            for drawn, shown in colours.items():
                changed = changed.replace(drawn, shown)
        element.set(key, changed)
