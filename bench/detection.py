"""How well are entities found? Precision, recall and F1 per type, on the gold file.

::

    python -m bench.detection                 print the tables
    python -m bench.detection --write         … into bench/results/detection.md
    python -m bench.detection --errors dev    … and every miss and false find of the part
    python -m bench.detection --detector bedrock:<model id>     another detector (AWS, costs money)

A find counts if its span is the marked one to the code point, and its type is. What is marked,
`tests/inference/gold` says. Rules may be tuned on `dev` alone; `held-out` is what is claimed, and
`fresh`, which was written after them, is what to expect.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from chalicelib.domain.detection import Answered, Detection, Entities
from chalicelib.domain.findings import locate
from chalicelib.domain.passages import Passage

GOLD = Path(__file__).parents[1] / "tests/inference/gold"
BOOK = Path(__file__).parents[1] / "infra/library/gospels.txt"
FRESH = GOLD / "fresh"
RESULT = Path(__file__).parent / "results/detection.md"
TYPES = (
    "Person",
    "Organization",
    "Location",
    "Date",
    "Event",
    "Author",
    "Money",
    "Percent",
    "Email",
    "URL",
    "Product",
    "Technology",
)
PARTS = ("dev", "held-out")

_MARK = re.compile(r"\[\[(?P<types>[A-Za-z+]+)\|(?P<quote>[^\]]+)\]\]")

Span = tuple[int, int, str]
Detect = Callable[[str, str], set[Span]]


@dataclass(frozen=True, slots=True)
class Item:
    """A text with the spans that should be found in it, in code points."""

    text: str
    spans: frozenset[Span]
    language: str
    domain: str

    @property
    def part(self) -> str:
        """Return ``dev`` or ``held-out`` (two in five), by the text alone."""
        return PARTS[hashlib.sha256(self.text.encode()).digest()[0] % 5 < 2]


def parse(marked: str, language: str = "en", domain: str = "") -> Item:
    """Return the item of ``[[Person|Maria]] came.``: its text, and Person at [0, 5)."""
    text, spans, at = "", set(), 0
    for mark in _MARK.finditer(marked):
        text += marked[at : mark.start()]
        start, at = len(text), mark.end()
        text += mark["quote"]
        spans |= {(start, len(text), each) for each in mark["types"].split("+")}
    text += marked[at:]
    if "[[" in text or "]]" in text:
        raise ValueError(f"unfinished markup: {marked!r}")
    return Item(text, frozenset(spans), language, domain)


def gold(folder: Path = GOLD) -> tuple[Item, ...]:
    """Return every item of the gold file, in the order of the files' names."""
    return tuple(item for path in sorted(folder.glob("*.txt")) for item in _items(path))


def _items(path: Path) -> Iterator[Item]:
    language = "en"
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("# language: "):
            language = line.removeprefix("# language: ")
        elif line and not line.startswith("#"):
            yield parse(line, language, path.stem)


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of one type: found rightly, found wrongly, missed."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float | None:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else None

    @property
    def recall(self) -> float | None:
        return self.right / (self.right + self.missed) if self.right + self.missed else None

    @property
    def f1(self) -> float | None:
        marked = 2 * self.right + self.wrong + self.missed
        return 2 * self.right / marked if marked else None


def scores(items: Iterable[Item], detect: Detect) -> dict[str, Score]:
    """Return the score of each type, and of ``all``."""
    right, wrong, missed = Counter[str](), Counter[str](), Counter[str]()
    for item in items:
        found = detect(item.text, item.language)
        for counter, spans in (
            (right, found & item.spans),
            (wrong, found - item.spans),
            (missed, item.spans - found),
        ):
            counter.update(label for _, _, label in spans)
    by_type = {each: Score(right[each], wrong[each], missed[each]) for each in TYPES}
    return {**by_type, "all": Score(right.total(), wrong.total(), missed.total())}


def detector(name: str) -> tuple[Detect, dict[str, object]]:
    """Return the named detector as the jobs use it, located quotes and all, and its generator."""
    from chalicelib.inference import chosen

    chosen_one = chosen(name).detector
    ask = Entities(TYPES)

    def detect(text: str, language: str) -> set[Span]:
        passage = Passage(text)
        answer: Detection = chosen_one.detect(passage, ask, language=language)
        findings = locate(text, [Answered(passage, answer.found)], ask)
        return {(each.start, each.end, each.label) for each in findings.anchored}

    return detect, dict(chosen_one.generator)


def report(items: tuple[Item, ...], detect: Detect, generator: dict[str, object]) -> str:
    """Return the tables in Markdown."""
    by_part = {part: scores((i for i in items if i.part == part), detect) for part in PARTS}
    lines = [
        f"# Detection quality: {generator['name']} {generator['version']}",
        "",
        "Made by `python -m bench.detection --write`. A find is right if span and type are exactly",
        f"the marked ones. {len(items)} items: {_sizes(items)}.",
        "",
        "| type | dev P | R | F1 | held-out P | R | F1 | marked |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for label in (*TYPES, "all"):
        cells = [label if label != "all" else "**all**"]
        for part in PARTS:
            score = by_part[part][label]
            cells += [_number(each) for each in (score.precision, score.recall, score.f1)]
        marked = [by_part[part][label] for part in PARTS]
        cells.append(" + ".join(str(each.right + each.missed) for each in marked))
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "By file, dev and held-out together:", "", "| file | language | P | R | F1 |"]
    lines.append("|---|---|---|---|---|")
    for domain in sorted({item.domain for item in items}):
        of_domain = [item for item in items if item.domain == domain]
        score = scores(of_domain, detect)["all"]
        numbers = " | ".join(_number(each) for each in (score.precision, score.recall, score.f1))
        lines.append(f"| {domain} | {of_domain[0].language} | {numbers} |")
    return "\n".join([*lines, *_fresh(gold(FRESH), detect)]) + "\n"


def _fresh(items: tuple[Item, ...], detect: Detect) -> Iterator[str]:
    """Yield the table of the second set."""
    yield from (
        "",
        f"The second set, {len(items)} items, written after the rules and scored once:",
        "",
    )
    yield from ("| type | P | R | F1 | marked |", "|---|---|---|---|---|")
    for label, score in scores(items, detect).items():
        numbers = " | ".join(map(_number, (score.precision, score.recall, score.f1)))
        name = label if label != "all" else "**all**"
        if score.right + score.wrong + score.missed:
            yield f"| {name} | {numbers} | {score.right + score.missed} |"


def _pace(detect: Detect) -> float:
    """Return how many code points a second are read, once everything is loaded."""
    text = BOOK.read_text("utf-8")[:100_000]
    detect(text[:1_000], "en")
    began = time.perf_counter()
    for at in range(0, len(text), 20_000):
        detect(text[at : at + 20_000], "en")
    return len(text) / (time.perf_counter() - began)


def _sizes(items: tuple[Item, ...]) -> str:
    return " and ".join(f"{sum(item.part == part for item in items)} {part}" for part in PARTS)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def errors(items: Iterable[Item], detect: Detect) -> Iterator[str]:
    """Yield a line for each miss (−) and each false find (+)."""
    for item in items:
        found = detect(item.text, item.language)
        for sign, spans in (("-", item.spans - found), ("+", found - item.spans)):
            for start, end, label in sorted(spans):
                yield f"{sign} {label:13}{item.text[start:end]!r:40} {item.domain}: {item.text}"


def main() -> None:
    """Print or write the tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--detector", default="rules")
    arguments.add_argument("--errors", choices=PARTS)
    arguments.add_argument("--write", action="store_true")
    chosen = arguments.parse_args()
    detect, generator = detector(chosen.detector)
    items = gold()
    text = report(items, detect, generator)
    if chosen.write:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(text, "utf-8")
    print(text)
    if chosen.detector == "rules":
        print(f"{_pace(detect):,.0f} code points a second here, on a book.\n")
    if chosen.errors:
        print(*errors((item for item in items if item.part == chosen.errors), detect), sep="\n")


if __name__ == "__main__":
    main()
