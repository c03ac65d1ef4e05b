"""The sentence that a test's name makes, with the words written as the assignment writes them."""

from __future__ import annotations

import ast
import itertools
import re
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from grader.assignment import Assignment

Forms = dict[str, Counter[str]]

_TEST = re.compile(r"(?:test_)?([^\[]*)(?:\[(.*)\])?")
_CODE = re.compile(r"```.*?```|`[^`]*`|\$[^$]*\$|\S*[/_]\S*", re.DOTALL)
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_CAPITALS = re.compile(r"\b[A-Z][A-Z0-9]+\b")
_POSSESSIVE = re.compile(r"\b([A-Za-z][A-Za-z0-9]*)['’]s (\w+)")
# What a capital at the start says nothing about.
_SENTENCE_START = re.compile(r"(?:^|[.!?:|#>*(\"\-,]|\n\s*\n|\d[.)])\s*$")


class Titles:
    """Makes titles for the tests of one assignment."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment

    def of(self, name: str, documentation: str = "", contract: str = "", question: str = "") -> str:
        """A test's name as a sentence: `test_jsd_is_zero[W1]` becomes 'JSD is zero (W1)'.

        An identifier has neither capitals nor apostrophes, so both are taken from prose: KL, Dirac
        and GAN from the handout, the assignment's titles and the docstring, "each example's" from
        the docstring. The name of a function that students write stays as it is.

        A check of a contract's own class need not name it, unless its question marks several:
        'w1: has the right shape'.
        """
        several = contract and len(self._assignment.question(question).contracts) > 1
        if several:
            title = self.of(name, documentation)
            return f"{contract.rpartition('.')[2]}: {title[:1].lower()}{title[1:]}"
        match = _TEST.fullmatch(name)
        assert match is not None
        forms = _forms(documentation)
        words = [word for word in match[1].split("_") if word]
        asked = {*words, *(word[:-1].lower() for word in words)}
        spelt = _best(asked, self._prose, forms) | self._acronyms(forms)
        written = [spelt.get(word, word) for word in words]
        owned = {(one.lower(), what) for one, what in _POSSESSIVE.findall(documentation)}
        for n, (word, following) in enumerate(itertools.pairwise(list(written))):
            one = word[:-1]
            after_each = n > 0 and written[n - 1].lower() in ("each", "every")
            if word.endswith("s") and (after_each or (one.lower(), following) in owned):
                written[n] = f"{spelt.get(one.lower(), one)}'s"
        sentence = " ".join(written)
        if not written or written[0] not in self._functions:
            sentence = sentence[:1].upper() + sentence[1:]
        return f"{sentence} ({match[2]})" if match[2] else sentence

    @cached_property
    def _prose(self) -> Forms:
        description = self._assignment.description
        texts = [description.title, *(part.title for part in description.parts)]
        texts += [f"{q.title}. {q.about}" for q in description.questions]
        handout = self._assignment.folder / "handout.md"
        if handout.is_file():
            texts.append(handout.read_text(encoding="utf-8"))
        for file in description.files:
            texts += _docstrings(self._assignment.reference / file.path)
        total: Forms = {}
        for text in texts:
            for word, counts in _forms(text).items():
                total.setdefault(word, Counter()).update(counts)
        return total

    def _acronyms(self, *more: Forms) -> dict[str, str]:
        """Functions that prose calls by capitals, even if it has their own names more often."""
        forms = (self._prose, *more)
        return {
            n: n.upper() for n in self._contracts if any(n.upper() in f.get(n, ()) for f in forms)
        }

    @cached_property
    def _contracts(self) -> set[str]:
        questions = self._assignment.description.questions
        return {contract.rpartition(".")[2] for q in questions for contract in q.contracts}

    @cached_property
    def _functions(self) -> set[str]:
        """Names of contracts that are not words of the assignment's prose."""
        return {n for n in self._contracts if n not in self._prose or any(map(str.isdigit, n))}


def _docstrings(path: Path) -> list[str]:
    if path.suffix != ".py" or not path.is_file():
        return []
    return [
        ast.get_docstring(node) or ""
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
    ]


def _best(words: Iterable[str], *all_forms: Forms) -> dict[str, str]:
    """For each word that is mostly not written in small letters, how it is written."""
    best = {}
    for word in words:
        ways = sum((forms[word] for forms in all_forms if word in forms), Counter())
        if not ways:
            continue
        form = max(ways, key=lambda way: (ways[way], way))
        # A name is never written small; other words are, somewhere.
        if form != word and (not form[1:].islower() or word not in ways):
            best[word] = form
    return best


def _forms(text: str) -> Forms:
    """How often a text writes each word (in small letters) in which way.

    One capital at the start of a sentence, and small letters in code, prove nothing.
    """
    forms: Forms = {}
    prose = _CODE.sub(lambda found: " , " + " ".join(_CAPITALS.findall(found[0])) + " , ", text)
    for found in _WORD.finditer(prose):
        word = found[0]
        starts = word[1:].islower() and _SENTENCE_START.search(prose[: found.start()][-40:])
        if not starts and len(word) > 1:
            forms.setdefault(word.lower(), Counter())[word] += 1
    return forms
