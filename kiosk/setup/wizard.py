"""Question after question: an answer is checked when it is given, and one can go back.

A state machine without a console: `shown` is what stands there, `answer` takes a line. Where the
network says that something is not there, the answer may be kept all the same: an office is often
cabled last.

    asking --good answer--> asking (next) ... --last--> done
    asking --answer that nothing answers at--> doubting
    doubting --yes--> asking (next)      doubting --no--> asking (the same)
"""

from collections.abc import Callable, Mapping
from typing import Final

from kiosk.setup.questions import NO, YES, Form, Question, asked, default_shown
from kiosk.setup.said import Said

BACK: Final = frozenset({"<", "kembali", "back"})
HELP: Final = frozenset({"?", "bantuan", "help"})

Probe = Callable[[Question, Mapping[str, str]], Said | None]
"""Tries over the network what a question's `probe` names, with the answers so far."""


class Wizard:
    """The questions of one set-up.

    Attributes:
        given: the answers so far, by name.
    """

    def __init__(self, given: Mapping[str, str], probe: Probe, form: Form) -> None:
        """`given` are answers from before: they are the defaults now."""
        self._before = dict(given)
        self._probe = probe
        self._form = form
        self._at = 0
        self._doubts = False
        self.given: dict[str, str] = {}

    @property
    def question(self) -> Question | None:
        """Return what is asked; None once everything is answered."""
        questions = asked(self.given, self._form)
        return questions[self._at] if self._at < len(questions) else None

    @property
    def shown(self) -> Said:
        """Return the line before the cursor."""
        if self._doubts:
            return Said("Pakai juga? y/t [t]", "Keep it anyway? y/n [n]")
        question = self.question
        if question is None:
            return Said("", "")
        default = default_shown(question, self._default(question))
        return Said(
            question.prompt.indonesian + _bracketed(default.indonesian),
            question.prompt.english + _bracketed(default.english),
        )

    def answer(self, line: str) -> list[Said]:
        """Take an answer; return what there is to say to it."""
        text = line.strip()
        question = self.question
        if question is None:
            return []
        if self._doubts:
            return self._decided(question, text.lower())
        if text.lower() in HELP:
            return [question.help, _KEYS]
        if text.lower() in BACK:
            self._at = max(0, self._at - 1)
            return []
        text = text or self._default(question)
        wrong = question.check(text)
        if wrong is not None:
            return [wrong]
        self.given[question.name] = text
        doubt = self._probe(question, self.given) if question.probe and text else None
        if doubt is not None:
            self._doubts = True
            return [doubt]
        self._at += 1
        return []

    def again(self, name: str) -> None:
        """Ask a question once more, with no answer from before; or from the first one on."""
        names = [one.name for one in asked(self.given, self._form)]
        self._at = names.index(name) if name in names else 0
        self.given.pop(name, None)
        self._before.pop(name, None)

    def kept(self) -> dict[str, str]:
        """Return the answers that may be kept on disk, for another time."""
        passing = {one.name for one in asked(self.given, self._form) if not one.is_kept}
        known = {**self._before, **self.given}
        return {name: text for name, text in known.items() if name not in passing}

    def _decided(self, question: Question, word: str) -> list[Said]:
        if word and word not in YES | NO:
            return [Said("Jawab y atau t", "Answer y or n")]
        self._doubts = False
        if word in YES:
            self._at += 1
        return []

    def _default(self, question: Question) -> str:
        return self.given.get(question.name, self._before.get(question.name, question.default))


def _bracketed(default: str) -> str:
    return f" [{default}]" if default else ""


_KEYS: Final = Said(
    "Enter: yang di dalam [ ]. <: kembali. ?: bantuan. Ctrl-C: berhenti, jawaban disimpan",
    "Enter: what stands in [ ]. <: back. ?: help. Ctrl-C: stop, the answers are kept",
)
