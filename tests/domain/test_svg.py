from __future__ import annotations

import contextlib
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.svg import MAX_LENGTH, clean
from chalicelib.errors import Invalid

NS = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
RECT = '<rect x="1" y="2" width="3" height="4"/>'

ELEMENTS = {"svg", "g", "rect", "circle", "ellipse", "polygon", "polyline", "path", "line"}
ATTRIBUTES = {"x", "y", "width", "height", "rx", "ry", "cx", "cy", "r", "x1", "y1", "x2", "y2"}
ATTRIBUTES |= {"points", "d", "transform", "viewBox", "preserveAspectRatio", "fill-rule"}


def svg(inner: str, attributes: str = "") -> str:
    return f'<svg xmlns="{NS}" {attributes}>{inner}</svg>'


def assert_harmless(cleaned: str) -> None:
    """Everything that is left is named in the two lists above, in the namespace of SVG."""
    for element in ET.fromstring(cleaned).iter():
        assert element.tag.removeprefix(f"{{{NS}}}") in ELEMENTS
        assert set(element.attrib) <= ATTRIBUTES
        assert not (element.text or "").strip()
        assert not (element.tail or "").strip()
    assert re.fullmatch(r'[\w<>/="\- .,%+()]*', cleaned.replace(NS, ""), re.ASCII)


def test_shapes_and_their_geometry_stay():
    drawing = svg(
        '<g transform="translate(1,2) rotate(30)"><rect x="1" y="2" width="30%" height="4px" '
        'rx="1" ry="1"/></g><circle cx="1" cy="2" r="3.5e1"/><ellipse cx="1" cy="2" rx="3" ry="4"/>'
        '<polygon points="0,0 1,0 1,1"/><polyline points="0 0 1 1"/><line x1="0" y1="0" x2="1" '
        'y2="-1"/><path d="M0,0 L10,0 a1 1 0 0 1 2 2z" fill-rule="evenodd"/>',
        'viewBox="0 0 100 100"',
    )

    cleaned = clean(drawing)

    assert [each.tag.partition("}")[2] for each in ET.fromstring(cleaned).iter()] == [
        "svg",
        "g",
        "rect",
        "circle",
        "ellipse",
        "polygon",
        "polyline",
        "line",
        "path",
    ]
    for value in ("translate(1,2) rotate(30)", "30%", "3.5e1", "0,0 1,0 1,1", "evenodd"):
        assert f'"{value}"' in cleaned
    assert 'viewBox="0 0 100 100"' in cleaned


def test_a_root_without_a_namespace_is_taken_for_svg():
    assert clean(f"<svg>{RECT}</svg>") == svg(RECT).replace(" >", ">")


def test_prefixes_are_written_out():
    prefixed = f'<s:svg xmlns:s="{NS}"><s:circle r="3"/></s:svg>'

    assert clean(prefixed) == f'<svg xmlns="{NS}"><circle r="3"/></svg>'


def test_declaration_comments_and_white_space_go():
    drawing = f'<?xml version="1.0" encoding="UTF-16"?>\n<!-- mine -->\n{svg(RECT)}\n'

    assert clean(drawing) == f'<svg xmlns="{NS}">{RECT}</svg>'


def test_a_newline_within_a_value_becomes_a_space():
    assert 'd="M0 0 L1 1"' in clean(svg('<path d="M0 0&#10;&#9;L1 1\n"/>'))


def test_a_shape_that_was_never_drawn_goes_with_what_held_it():
    cleaned = clean(svg(f'<defs><circle r="9"/></defs><clipPath><circle r="8"/></clipPath>{RECT}'))

    assert "circle" not in cleaned


# Each either loses all that is not geometry, or is refused as a whole.
ATTACKS = {
    "script": svg(f"<script>alert(1)</script>{RECT}"),
    "script in CDATA": svg(f"<script><![CDATA[alert(1)]]></script>{RECT}"),
    "script by case": svg(f"<SCRIPT>alert(1)</SCRIPT><ScRiPt>alert(1)</ScRiPt>{RECT}"),
    "script by reference": svg(f'<script href="https://evil/x.js"/>{RECT}'),
    "script under a prefix": f'<s:svg xmlns:s="{NS}"><s:script>alert(1)</s:script>'
    f'<s:rect width="1" height="1"/></s:svg>',
    "script of XHTML": svg(f'<script xmlns="http://www.w3.org/1999/xhtml">alert(1)</script>{RECT}'),
    "script of XHTML under a prefix": f'<svg xmlns="{NS}" xmlns:h="http://www.w3.org/1999/xhtml">'
    f"<h:script>alert(1)</h:script>{RECT}</svg>",
    "handler": svg('<rect width="1" height="1" onclick="alert(1)"/>'),
    "handler by case": svg('<rect width="1" height="1" OnLoad="alert(1)" ONCLICK="alert(1)"/>'),
    "handler on the root": svg(RECT, 'onload="alert(1)"'),
    "handler in a namespace": svg(
        '<rect width="1" height="1" s:onclick="alert(1)"/>', f'xmlns:s="{NS}"'
    ),
    "style element": svg(f"<style>@import url(https://evil/x.css)</style>{RECT}"),
    "style attribute": svg('<rect width="1" height="1" style="fill:url(https://evil/x)"/>'),
    "paint by url": svg('<rect width="1" height="1" fill="url(https://evil/#x)"/>'),
    "filter by url": svg('<rect width="1" height="1" filter="url(#x)" mask="url(//evil/)"/>'),
    "class and id": svg('<rect width="1" height="1" class="admin" id="document"/>'),
    "link": svg(f'<a href="javascript:alert(1)">{RECT}</a>{RECT}'),
    "xlink": f'<svg xmlns="{NS}" xmlns:xlink="{XLINK}"><a xlink:href="javascript:alert(1)">'
    f"{RECT}</a>{RECT}</svg>",
    "use": svg(f'<use href="data:image/svg+xml;base64,PHN2Zz4=#x"/>{RECT}'),
    "image": svg(f'<image href="https://evil/pixel.png"/><feImage href="//evil/"/>{RECT}'),
    "foreignObject": svg(
        f'<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><img src="x" '
        f'onerror="alert(1)"/></body></foreignObject>{RECT}'
    ),
    "foreignObject by case": svg(f"<foreignobject><rect/></foreignobject>{RECT}"),
    "iframe": svg(f'<iframe xmlns="http://www.w3.org/1999/xhtml" srcdoc="x"/>{RECT}'),
    "animation of a link": svg(
        f'<animate attributeName="href" values="javascript:alert(1)"/><set attributeName="onload" '
        f'to="alert(1)"/>{RECT}'
    ),
    "animation within a shape": svg(
        '<rect width="1" height="1"><animate attributeName="href" to="javascript:alert(1)"/></rect>'
    ),
    "markup as text": svg(f"&lt;script&gt;alert(1)&lt;/script&gt;{RECT}"),
    "markup in CDATA": svg(f"<![CDATA[<script>alert(1)</script>]]>{RECT}"),
    "markup in a comment": svg(f"<!--><script>alert(1)</script>-->{RECT}"),
    "comment that HTML ends early": svg(f"<!--><img src=x onerror=alert(1)>-->{RECT}"),
    "breaking out by desc": svg(f"<desc><![CDATA[</desc><script>alert(1)</script>]]></desc>{RECT}"),
    "breaking out by title": svg(
        f"<title>&lt;/title>&lt;img src=x onerror=alert(1)></title>{RECT}"
    ),
    "breaking out by style": svg(f"<style>&lt;/style>&lt;script>alert(1)</style>{RECT}"),
    "breaking out by math": svg(
        f'<math xmlns="http://www.w3.org/1998/Math/MathML"><mtext><table><mglyph><style>'
        f"<![CDATA[</style><img src=x onerror=alert(1)>]]></style></mglyph></table></mtext></math>"
        f"{RECT}"
    ),
    "breaking out by p": svg(f'<p xmlns="http://www.w3.org/1999/xhtml">{RECT}</p>{RECT}'),
    "breaking out of a value": svg('<rect width="1" height="1" x="&quot;>&lt;script>alert(1)"/>'),
    "script in geometry": svg('<rect width="1" height="1" x="javascript:alert(1)"/>'),
    "url in geometry": svg('<path d="url(#x)"/>'),
    "expression in a transform": svg('<g transform="expression(alert(1))"><rect width="1"/></g>'),
    "nested svg": svg(f'<svg onload="alert(1)"><script>alert(1)</script>{RECT}</svg>'),
    "nested svg of another namespace": svg(
        f'<svg xmlns="urn:x" onload="alert(1)">{RECT}</svg>{RECT}'
    ),
    "namespace taken away": svg(f'<script xmlns="">alert(1)</script>{RECT}'),
    "processing instruction": f'<?xml-stylesheet href="javascript:alert(1)"?>{svg(RECT)}',
    "xml:base": svg(RECT, 'xml:base="javascript:alert(1)//"'),
    "root of another name": f'<html xmlns="http://www.w3.org/1999/xhtml">{svg(RECT)}</html>',
    "root by case": f'<SVG xmlns="{NS}">{RECT}</SVG>',
    "root of another namespace": f'<svg xmlns="http://www.w3.org/1999/xhtml">{RECT}</svg>',
    "script as root": f'<script xmlns="{NS}">alert(1)</script>',
    "entity": f'<!DOCTYPE svg [<!ENTITY x "alert(1)">]>{svg("<script>&x;</script>" + RECT)}',
    "external entity": f'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>{svg("&x;" + RECT)}',
    "billion laughs": '<!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    f"{svg('&b;' + RECT)}",
    "external DTD": f'<!DOCTYPE svg SYSTEM "http://evil/x.dtd">{svg(RECT)}',
    "unknown entity": svg(f"&nbsp;{RECT}"),
    "two roots": svg(RECT) + "<script>alert(1)</script>",
    "HTML that is not XML": f"<svg><script>alert(1)</script><img src=x onerror=alert(1)>{RECT}",
    "null byte": svg(f"<scr\x00ipt>alert(1)</script>{RECT}"),
    "text without markup": "javascript:alert(1)",
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attack_leaves_geometry_or_nothing(attack):
    try:
        cleaned = clean(attack)
    except Invalid:
        return
    assert_harmless(cleaned)
    assert clean(cleaned) == cleaned


REFUSED = [
    "script in geometry",
    "breaking out of a value",
    "url in geometry",
    "root by case",
    "root of another name",
    "root of another namespace",
    "entity",
    "external entity",
    "billion laughs",
    "external DTD",
    "two roots",
    "HTML that is not XML",
]


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_for_sure_is_refused_as_a_whole(name):
    with pytest.raises(Invalid):
        clean(ATTACKS[name])


def test_an_attack_beside_a_shape_leaves_the_shape():
    kept = [name for name in ATTACKS if name not in REFUSED and RECT in ATTACKS[name]]

    for name in set(kept) - {"null byte", "unknown entity"}:
        assert "<rect" in clean(ATTACKS[name]), name


@pytest.mark.parametrize(
    "drawing",
    [
        svg(""),
        svg("<g/>"),
        svg("<rect/>"),
        svg('<polygon points=""/>'),
        svg("<text>Vienna</text>"),
        svg(f"<defs>{RECT}</defs>"),
        f"<svg><rect xmlns='{XLINK}' width='1'/></svg>",
        "",
    ],
)
def test_an_svg_that_outlines_nothing_is_refused(drawing):
    with pytest.raises(Invalid):
        clean(drawing)


@pytest.mark.parametrize("value", ["one", "", "1 2", "1;2", "calc(1px)", "\u0661"])
def test_geometry_that_is_wrong_is_refused_and_not_dropped(value):
    with pytest.raises(Invalid, match="geometry"):
        clean(svg(f'<rect x="{value}" width="1" height="1"/>'))


def test_what_is_too_deep_or_too_long_is_refused():
    with pytest.raises(Invalid, match="deep"):
        clean(svg("<g>" * 40 + RECT + "</g>" * 40))
    with pytest.raises(Invalid, match="characters"):
        clean(svg(RECT * (MAX_LENGTH // len(RECT))))
    with pytest.raises(Invalid, match="characters"):
        clean("<svg>" + RECT + "<g/>" * ((MAX_LENGTH - len(RECT) - 12) // 4) + "</svg>")


NUMBERS = st.floats(-1e6, 1e6).map(lambda number: f"{number:.4g}")
MESS = st.sampled_from(
    ["<script>x</script>", "<!-- x -->", "text", 'on="1"', "<x:y/>", "&lt;", "<title>t</title>", ""]
)
SHAPES = st.one_of(
    st.builds('<rect x="{}" y="{}" width="{}" height="{}"/>'.format, *[NUMBERS] * 4),
    st.builds('<circle cx=" {}" cy="{} " r="{}" onload="x"/>'.format, *[NUMBERS] * 3),
    st.builds('<polygon points="{},{}\n{},{}" style="x"/>'.format, *[NUMBERS] * 4),
    st.builds('<g transform="rotate({})">{}<path d="M{} 0z"/></g>'.format, NUMBERS, MESS, NUMBERS),
    MESS,
)


@given(st.lists(SHAPES, min_size=1, max_size=6))
def test_cleaning_twice_is_cleaning_once(parts):
    try:
        cleaned = clean(svg("".join(parts)))
    except Invalid:
        return
    assert_harmless(cleaned)
    assert clean(cleaned) == cleaned


@given(st.text(alphabet="<>/=\"'& svgrectwidthonload1!-[]CDAT?\n", max_size=60))
def test_whatever_comes_cleaning_answers_or_refuses(noise):
    for drawing in (noise, f"<svg>{noise}{RECT}</svg>", f"<svg {noise}>{RECT}</svg>"):
        with contextlib.suppress(Invalid):
            assert_harmless(clean(drawing))
