"""Question after question, without a console."""

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.setup.plan import planned
from kiosk.setup.questions import Form, Question, raw
from kiosk.setup.said import Said
from kiosk.setup.wizard import Wizard
from sync.protocol.claim import ClaimCode

NEW = Form(is_new=True)
CODE = ClaimCode.draw().text


def silent(_: Question, __: Mapping[str, str]) -> Said | None:
    return None


def answered(wizard: Wizard, *lines: str) -> list[str]:
    """Give these answers; return what was said to them."""
    return [said.english for line in lines for said in wizard.answer(line)]


def test_plan_of_a_new_kiosk() -> None:
    wizard = Wizard({}, silent, NEW)
    said = answered(
        wizard,
        *("Dinas Kesehatan", "Asia/Makassar", ""),
        *("zkteco", "lobi", "192.168.1.201", "", "77", "y"),
        *("zkpush", "gudang", "CJDE1", "n"),
        *("central.example:8080", "", CODE.lower()),
    )
    assert said == []
    assert wizard.question is None
    plan, mistakes = planned(raw(wizard.given, NEW))
    assert not mistakes
    assert plan is not None
    assert plan.central == "central.example:8080"
    lobi, gudang = plan.sources
    assert (lobi.name, lobi.comm_key, lobi.timezone) == ("lobi", 77, "Asia/Makassar")  # type: ignore[union-attr]
    assert gudang.name == "gudang"
    assert plan.push is not None
    assert CODE.lower() not in wizard.kept().values()


def test_each_answer_is_checked_when_it_is_given() -> None:
    wizard = Wizard({}, silent, NEW)
    assert "no time zone" in answered(wizard, "", "Asia/Jakrta")[0]
    assert "no such kind" in answered(wizard, "", "", "zktec0")[0]
    assert "taken" in answered(wizard, "", "line")[0]
    assert "missing" in answered(wizard, "lobi", "")[0]
    assert "int" in answered(wizard, "192.168.1.1", "many")[0]
    assert answered(wizard, "", "", "n") == []
    assert "no address of central" in answered(wizard, "a b")[0]
    assert (
        "mistyped"
        in answered(wizard, "central", "", CODE[:-1] + ("0" if CODE[-1] != "0" else "1"))[0]
    )


def test_back_and_help() -> None:
    wizard = Wizard({}, silent, NEW)
    answered(wizard, "Dinas", "<")
    assert wizard.shown.english == "The office's name, on the screen [Dinas]"
    assert len(answered(wizard, "?")) == 2
    answered(wizard, "Dinas Lain", "")
    assert wizard.given["office"] == "Dinas Lain"


def test_what_stands_in_brackets_is_an_answer_of_that_language() -> None:
    wizard = Wizard({"sources.0.comm_key": "77"}, silent, NEW)
    answered(wizard, "Dinas", "", "", "", "lobi", "192.168.1.201", "")
    assert wizard.shown.english.endswith("0 for none [***]")
    answered(wizard, "0")
    assert wizard.shown == Said("Perangkat lain lagi? y/t [t]", "Another terminal? y/n [n]")
    answered(wizard, "<")
    assert wizard.shown.english.endswith("0 for none [0]")


def test_terminal_that_is_not_there_may_be_kept() -> None:
    asked = []

    def nobody(question: Question, given: Mapping[str, str]) -> Said | None:
        asked.append(question.name)
        return Said("tidak menjawab", "does not answer")

    wizard = Wizard({}, nobody, NEW)
    answered(wizard, "", "", "", "", "lobi", "10.0.0.1")
    assert answered(wizard, "") == ["does not answer"]
    assert "Keep it anyway" in wizard.shown.english
    assert answered(wizard, "maybe") == ["Answer y or n"]
    answered(wizard, "")
    assert "port" in wizard.shown.english, "no is the default: it is asked again"
    answered(wizard, "", "ya")
    assert "comm key" in wizard.shown.english
    assert asked == ["sources.0.port"] * 2


def test_answers_from_before_are_the_defaults() -> None:
    first = Wizard({}, silent, NEW)
    answered(first, "Dinas", "Asia/Jayapura", "", "", "lobi", "10.0.0.1")
    second = Wizard(first.kept(), silent, NEW)
    answered(second, *[""] * 6)
    assert second.given["office"] == "Dinas"
    assert second.given["timezone"] == "Asia/Jayapura"
    assert second.given["sources.0.host"] == "10.0.0.1"


def test_kiosk_that_is_set_up_is_asked_for_changes_only() -> None:
    form = Form(is_new=False)
    wizard = Wizard({}, silent, form)
    answered(wizard, "Dinas", "", "", "n", "n")
    assert wizard.question is None
    assert raw(wizard.given, form) == {"timezone": "Asia/Jakarta", "screen": {"office": "Dinas"}}


LINES = st.sampled_from(
    ["", "<", "?", "y", "t", "zkteco", "zkpush", "camera", "tag", "lobi", "10.0.0.1", "a b", CODE]
)


@given(st.lists(LINES, max_size=60), st.booleans(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_lines_end_in_a_plan_or_a_question(lines: list[str], is_new: bool, stick: bool) -> None:
    form = Form(is_new=is_new, by_stick=stick)
    wizard = Wizard({}, silent, form)
    for line in lines:
        wizard.answer(line)
    if wizard.question is None:
        planned(raw(wizard.given, form))
    assert wizard.shown.indonesian or wizard.question is None
    assert CODE not in wizard.kept().values() or "code" not in wizard.kept()
