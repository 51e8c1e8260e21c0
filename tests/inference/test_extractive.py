from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.errors import InferenceFailed
from chalicelib.inference import Brief, Source
from chalicelib.inference.extractive import _NOT_PROSE, MAX_SENTENCES, Extractive

LIBRARY = Path(__file__).parents[2] / "infra/library"
SINAI = Source("0192f-a", "Sinai", (LIBRARY / "sinai.md").read_text(), "en")
HEIBERG = Source("0192f-b", "Heiberg [first]", (LIBRARY / "heiberg.md").read_text(), "en")


def closed(text):
    return " ".join(text.split())


def quoted(draft):
    return [line[2:].replace("\\<", "<") for line in draft.text.splitlines() if line[:2] == "> "]


def test_every_quote_stands_in_the_source_that_it_is_given_under():
    draft = Extractive().write(Brief("Who photographed the manuscript?", sources=(SINAI, HEIBERG)))

    parts = re.split(r"^## ", draft.text, flags=re.M)[1:]
    assert [part.split("](")[1].split(")")[0] for part in parts] == [
        "resource:0192f-a",
        "resource:0192f-b",
    ]
    for part, source in zip(parts, (SINAI, HEIBERG), strict=True):
        quotes = [line[2:] for line in part.splitlines() if line.startswith("> ")]
        assert quotes
        for quote in quotes:
            assert quote in closed(source.text)


def test_what_the_prompt_asks_for_is_chosen():
    text = (
        "The sea was calm on that day. " * 3
        + "The palimpsest was sold in New York. "
        + ("The sea was calm and the sky was grey on that day. " * 3)
    )

    draft = Extractive().write(
        Brief("Where were palimpsests sold?", sources=(Source("1", "A", text),))
    )

    assert quoted(draft) == ["The palimpsest was sold in New York."]


def test_the_document_says_what_it_is_and_names_its_sources():
    draft = Extractive().write(Brief(sources=(HEIBERG,), title="On Heiberg"))

    assert draft.text.startswith("# On Heiberg\n\n*Put together by rules: ")
    assert "## [Heiberg \\[first\\]](resource:0192f-b)" in draft.text
    assert (draft.title, draft.format, draft.language) == ("On Heiberg", "text/markdown", "en")
    assert draft.sources == ("0192f-b",)
    assert Extractive.generator["name"] == "extractive"


def test_no_source_speaks_for_the_others_and_nothing_is_said_twice():
    long = Source("1", "Long", (LIBRARY / "gospels.txt").read_text()[:60_000])
    copy = Source("2", "Copy", long.text)

    draft = Extractive().write(Brief("A monastery in Galilee", sources=(long, copy, SINAI)))

    assert draft.sources == ("1", "0192f-a")
    assert len(quoted(draft)) == len(set(quoted(draft))) <= MAX_SENTENCES


def test_plain_text_is_written_where_it_is_asked_for():
    draft = Extractive().write(Brief(sources=(SINAI,), format="text/plain", language="de"))

    assert draft.text.startswith("Extracts from “Sinai”\n\nVon Regeln zusammengestellt")
    assert "    “" in draft.text
    assert draft.language == "en"


def test_tags_of_a_source_do_not_become_tags_of_the_document():
    source = Source("1", "<b>", "He said <script>alert(1)</script> and then he left the room.")

    text = Extractive().write(Brief(sources=(source,))).text

    assert "\\<script>" in text
    assert re.search(r"(?<!\\)<", text) is None


@pytest.mark.parametrize(
    ("brief", "reason"),
    [
        (Brief("About nothing"), "nothing-to-quote"),
        (Brief(sources=(Source("1", "A", "# Heading\n\n| a | b |"),)), "nothing-to-quote"),
        (Brief(sources=(SINAI,), format="text/html"), "unable"),
    ],
)
def test_what_cannot_be_quoted_is_refused_with_the_reason(brief, reason):
    with pytest.raises(InferenceFailed) as caught:
        Extractive().write(brief)

    assert caught.value.extra["reason"] == reason


texts = st.lists(
    st.sampled_from(
        ["The ship left the harbour at dawn. ", "She wrote many long letters home. ", "Why? ", "\n\n",
         "# A heading\n", "He sold the book for money 😀 in Vienna! ", "x" * 30 + " "]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@pytest.mark.parametrize("empty", ["\v\n", "\u00a0\n", "\x1c\n"])
def test_a_run_of_empty_lines_is_not_gone_through_from_each_of_them(empty):
    lines = 50 * empty + " # A heading\n"

    # Or a text of a hundred thousand such lines would take as many times as many steps.
    assert [found.start() for found in _NOT_PROSE.finditer(lines)] == [lines.index(" #")]


@given(
    st.lists(texts, min_size=1, max_size=3), st.sampled_from(["", "letters", "the ship in Vienna"])
)
def test_the_same_brief_gets_the_same_document_and_only_quotes(given_texts, prompt):
    sources = tuple(Source(str(at), f"S{at}", text) for at, text in enumerate(given_texts))
    brief = Brief(prompt, sources=sources)
    try:
        draft = Extractive().write(brief)
    except InferenceFailed:
        assume(False)

    assert Extractive().write(brief) == draft
    assert quoted(draft)
    for quote in quoted(draft):
        assert any(quote in closed(text) for text in given_texts)
