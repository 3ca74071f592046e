"""What is shown of what happened, word by word; and what never is."""

import re
from pathlib import Path

import pytest
from screen_stage import MINUTE_MS, MORNING, recorded, seen, source, status

import kiosk.screen
from drivers.camera.visits import Verdict
from drivers.prompt import Prompt
from kiosk.duty import Told
from kiosk.local import Recorded
from kiosk.mine import Mine, Own
from kiosk.prompts import Prompted
from kiosk.screen.compose import (
    PROMPT_STAYS_S,
    SLACK_MS,
    UNMEASURED_SLACK_MS,
    Composer,
    identifies,
    masked,
)
from kiosk.screen.frames import Card, Result, Tone
from kiosk.screen.times import DAY_MS
from kiosk.screen.words import TONGUES, Tongue
from kiosk.settings import Language, Screen, ShowNames
from sync.protocol.entry import Mark

ID, EN = Language.INDONESIAN, Language.ENGLISH
COMPOSER = Composer(Screen(), "kiosk-dinkes-01", "Asia/Jakarta")
LATER = MORNING + 13 * MINUTE_MS
TEMPLATE = Path(kiosk.screen.__file__).parent / "templates" / "screen.html"
SHAPES = set(re.findall(r'<symbol id="shape-(\w+)"', TEMPLATE.read_text()))
DASH, NBSP = "\N{EM DASH}", "\N{NO-BREAK SPACE}"


def shown(event: Recorded, language: Language = ID, **more: object) -> tuple[Tone, Card]:
    result = COMPOSER.result(event, status(**more))
    assert result is not None
    return result.tone, result.cards[language]


NAME = "Siti Rahmawati"


@pytest.mark.parametrize(
    ("event", "tone", "card"),
    [
        (recorded(), Tone.GOOD, Card(head="Masuk", time="07.28", name=NAME)),
        (
            recorded(Told(side="masuk", minutes=11, code="TL1"), made=LATER),
            Tone.LATE,
            Card(
                head="Masuk",
                time="07.41",
                name=NAME,
                detail=f"terlambat 11 menit{NBSP}·{NBSP}TL1",
            ),
        ),
        (
            recorded(Told(side="pulang", minutes=10, code="PSW1")),
            Tone.LATE,
            Card(
                head="Pulang",
                time="07.28",
                name=NAME,
                detail=f"10 menit sebelum waktunya{NBSP}·{NBSP}PSW1",
            ),
        ),
        (recorded(Told()), Tone.GOOD, Card(head="Tercatat", time="07.28", name=NAME)),
        (
            recorded(Told(side="masuk", before=MORNING, stands=True), made=MORNING + 2 * MINUTE_MS),
            Tone.GOOD,
            Card(
                head="Sudah tercatat",
                time="07.28",
                name=NAME,
                detail=f"2 menit lalu {DASH} dicatat lagi",
                note="Masuk",
            ),
        ),
        (
            recorded(Told(side="pulang", before=MORNING), made=LATER),
            Tone.GOOD,
            Card(
                head="Pulang",
                time="07.41",
                name=NAME,
                note=f"Sudah tercatat 07.28, 13 menit lalu {DASH} dicatat lagi",
            ),
        ),
        (
            recorded(None, "", mark=Mark.STRANGER, person=None),
            Tone.BAD,
            Card(head="Tidak dikenal", detail="Hubungi petugas", note="Tetap disimpan di alat"),
        ),
        (
            recorded(None, "", mark=Mark.STRANGER, person=None, **seen(Verdict.AMBIGUOUS)),
            Tone.BAD,
            Card(
                head="Wajah belum pasti",
                detail="Pakai jari atau kartu",
                note="Tetap disimpan di alat",
            ),
        ),
        (
            recorded(None, "", mark=Mark.STRANGER, person=None, **seen(Verdict.NOT_LIVE)),
            Tone.BAD,
            Card(
                head="Belum terbaca",
                detail="Mundur, lalu coba lagi dan ikuti petunjuk",
                note="Tetap disimpan di alat",
            ),
        ),
        (
            recorded(None, "", mark=Mark.STRANGER, person=None, **seen(Verdict.STRANGER)),
            Tone.BAD,
            Card(head="Tidak dikenal", detail="Hubungi petugas", note="Tetap disimpan di alat"),
        ),
        (
            recorded(None, "", mark=Mark.STRANGER, person=None, credential="face", raw="c1"),
            Tone.BAD,
            Card(head="Tidak dikenal", detail="Hubungi petugas", note="Tetap disimpan di alat"),
        ),
        (
            recorded(Told(side="masuk", needs="second", sources=("pintu",))),
            Tone.ASK,
            Card(
                head="Satu langkah lagi",
                name=NAME,
                detail="Jari atau wajah di alat pintu",
                note="Sudah disimpan, tetapi belum dihitung",
            ),
        ),
        (
            recorded(Told(side="masuk", needs="second", sources=("lobi",))),
            Tone.ASK,
            Card(
                head="Satu langkah lagi",
                name=NAME,
                detail="Jari atau wajah di alat ini",
                note="Sudah disimpan, tetapi belum dihitung",
            ),
        ),
        (
            recorded(Told(side="masuk", completes=True)),
            Tone.GOOD,
            Card(head="Masuk", time="07.28", name=NAME, detail="Bukti kedua diterima"),
        ),
        (
            recorded(Told(side="masuk", needs="grant")),
            Tone.BAD,
            Card(
                head="PIN belum dihitung",
                name=NAME,
                detail="Gunakan jari atau wajah, atau hubungi petugas",
                note="Tetap disimpan di alat",
            ),
        ),
    ],
)
def test_what_is_said_of_a_punch(event: Recorded, tone: Tone, card: Card) -> None:
    assert shown(event) == (tone, card)


@pytest.mark.parametrize("mark", [Mark.UNBOUND, Mark.TAKEN, Mark.UNREADABLE, Mark.STRANGER])
def test_what_nobody_is_known_by_is_red_and_still_kept(mark: Mark) -> None:
    tone, card = shown(recorded(None, "", mark=mark, person=None), EN)
    assert (tone, card.note) == (Tone.BAD, "It is kept all the same")


def test_in_english_the_time_has_a_colon() -> None:
    assert shown(recorded(), EN)[1] == Card(head="In", time="07:28", name=NAME)


def test_while_the_clock_is_not_trusted_no_time_and_no_lateness_is_said() -> None:
    tone, card = shown(recorded(None), clock__may_show_lateness=False)
    assert (tone, card.head, card.time) == (Tone.GOOD, "Tercatat", "")
    assert card.note == f"Jam alat belum pasti {DASH} presensi tetap disimpan"


def test_while_the_line_is_away_it_says_where_the_punch_is() -> None:
    assert shown(recorded(), line__state="down")[1].note == "Tersimpan di alat, menunggu jaringan"
    assert "Tersimpan di alat" not in shown(recorded())[1].note


def test_an_old_row_of_a_log_is_not_shown() -> None:
    assert COMPOSER.result(recorded(None, is_fresh=False), status()) is None
    assert not identifies(recorded(None, is_fresh=False), MORNING)


def test_before_the_first_status_the_clock_is_not_said_to_be_right() -> None:
    result = COMPOSER.result(recorded(None), None)
    assert isinstance(result, Result)
    assert result.cards[ID].time == ""


# At rest.


def test_at_rest() -> None:
    now = COMPOSER.now(status(line__waiting=7))
    assert (now.zone, now.name, now.is_sure, now.is_up) == ("WIB", "kiosk-dinkes-01", True, True)
    idle = now.idle[ID]
    assert (idle.date, idle.tomorrow) == ("Selasa, 24 November 2026", "Rabu, 25 November 2026")
    assert (idle.greeting, idle.trust, idle.waiting) == (
        *("Selamat pagi", "Jam tepat"),
        "7 menunggu kirim",
    )
    assert idle.notices == []


@pytest.mark.parametrize(
    ("minute", "greeting"),
    [
        (0, "malam"),
        (239, "malam"),
        (240, "pagi"),
        (659, "pagi"),
        (660, "siang"),
        (900, "sore"),
        (1109, "sore"),
        (1110, "malam"),
        (1439, "malam"),
    ],
)
def test_a_greeting_for_every_hour(minute: int, greeting: str) -> None:
    midnight = MORNING - MORNING % 86_400_000 - 7 * 3_600_000
    now = COMPOSER.now(status(clock__utc=midnight + minute * MINUTE_MS))
    assert now.idle[ID].greeting == f"Selamat {greeting}"


def test_an_uncertain_clock_greets_nobody_by_the_hour() -> None:
    now = COMPOSER.now(status(clock__may_show_lateness=False))
    assert not now.is_sure
    assert now.idle[ID].greeting == "Selamat datang"
    assert now.idle[ID].trust == f"Jam belum pasti {DASH} presensi tetap disimpan"


def test_what_is_wrong_is_said_in_a_word() -> None:
    down = [source("lobi", "unreachable: 192.168.1.201"), source("gudang")]
    idle = COMPOSER.now(status(sources=down, disk__level="critical")).idle[ID]
    assert idle.notices == ["Memori penuh, hubungi petugas", "Alat lobi tidak terhubung"]
    many = [source(f"t{n}", "unreachable") for n in range(20)]
    assert COMPOSER.now(status(sources=many)).idle[ID].notices == ["20 alat tidak terhubung"]


# Names.


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Siti Rahmawati", "Siti R***"),
        ("Dr. Hj. Siti Rahmawati Dewi, M.Kes.", "Siti R***"),
        ("Sukarno", "Sukarno"),
        ("", ""),
        ("Dr.", "Dr."),
    ],
)
def test_a_masked_name(name: str, said: str) -> None:
    assert masked(name) == said


def test_where_names_are_masked_no_frame_has_one_whole() -> None:
    composer = Composer(Screen(show_names=ShowNames.MASKED), "k1", "Asia/Jakarta")
    result = composer.result(recorded(), status())
    prompt = composer.prompt(Prompted("jari", Prompt.CARD, name=NAME))
    own = composer.own(Mine("p", NAME, []))
    assert "Rahmawati" not in repr((result, prompt, own))


# Prompts, and one's own presences.


@pytest.mark.parametrize("what", list(Prompt))
def test_every_prompt_has_its_words(what: Prompt) -> None:
    frame = COMPOSER.prompt(Prompted("jari", what, 2, 3, NAME))
    assert frame.cards[ID].note == "Langkah 2 dari 3"
    assert frame.cards[ID].head != frame.cards[EN].head
    assert frame.shape in SHAPES


def test_ones_own_presences_with_their_receipts() -> None:
    own = [
        Own(
            epoch="3f9c2a77d1e04b58",
            seq=9,
            made=MORNING,
            zone="Asia/Jakarta",
            source="lobi",
            side=side,
            is_receipted=is_receipted,
            receipted=receipted,
        )
        for side, is_receipted, receipted in (
            ("masuk", False, 0),
            ("", True, 0),
            ("pulang", True, MORNING + MINUTE_MS),
        )
    ]
    sheet = COMPOSER.own(Mine("p", NAME, own)).sheets[ID]
    assert sheet.title == NAME
    assert [(one.side, one.state) for one in sheet.lines] == [
        ("Masuk", "masih di alat ini"),
        ("Tercatat", "diterima pusat"),
        ("Pulang", "diterima pusat 07.29"),
    ]
    assert {(one.when, one.time, one.code) for one in sheet.lines} == {
        ("Sel 24 Nov", "07.28", "3f9c2a·9")
    }


@pytest.mark.parametrize(
    ("event", "opens"),
    [
        (recorded(), True),
        (recorded(None, mark=Mark.REPEAT), True),
        (recorded(Told(side="masuk", needs="second")), False),
        (recorded(None, mark=Mark.STRANGER, person=None), False),
        (recorded(None, mark=Mark.TAKEN, person=None), False),
        # Where no rule says what proves enough, anybody can type or hold a colleague's.
        (recorded(None, method="password"), False),
        (recorded(Told(), method="card"), False),
        (recorded(Told(), method="face"), True),
        (recorded(Told(side="masuk", duty="kantor"), method="card"), True),
        # A row that was made before the question is somebody else's.
        (recorded(made=MORNING - SLACK_MS), True),
        (recorded(made=MORNING - SLACK_MS - 1), False),
        (recorded(made=MORNING - UNMEASURED_SLACK_MS, drift=None), True),
        (recorded(made=0), False),
    ],
)
def test_only_what_shows_who_stands_there_opens_their_presences(
    event: Recorded, opens: bool
) -> None:
    assert identifies(event, MORNING) is opens


def test_a_receipt_of_another_day_says_which() -> None:
    own = Own(
        epoch="3f9c2a77d1e04b58",
        seq=9,
        made=MORNING,
        zone="Asia/Jakarta",
        source="lobi",
        side="masuk",
        is_receipted=True,
        receipted=MORNING + 3 * DAY_MS,
    )
    [line] = COMPOSER.own(Mine("p", NAME, [own])).sheets[ID].lines
    assert line.state == "diterima pusat 27 Nov"


@pytest.mark.parametrize("tone", list(Tone))
def test_every_tone_has_its_shape_colour_and_sound(tone: Tone) -> None:
    static = TEMPLATE.parents[1] / "static"
    assert tone.value in SHAPES
    assert f"[data-tone={tone.value}]" in (static / "screen.css").read_text()
    assert f"\n  {tone.value}: [[" in (static / "screen.js").read_text()


# The words.


def test_both_languages_fill_in_the_same() -> None:
    for name in Tongue.__struct_fields__:
        said, too = (repr(getattr(TONGUES[one], name)) for one in (ID, EN))
        assert re.findall(r"\{.*?\}", said.replace("{'", "")).count("{}") == re.findall(
            r"\{.*?\}", too.replace("{'", "")
        ).count("{}"), name


def test_nobody_reads_what_being_late_costs() -> None:
    for words in TONGUES.values():
        assert not re.search(r"\bRp|rupiah|persen|percent|%|potong|\bcut\b|TPP", repr(words))


def test_a_prompt_of_a_camera_goes_when_it_is_not_told_anew() -> None:
    frame = COMPOSER.prompt(Prompted("kamera", Prompt.COME_CLOSER, stays_s=2.5))
    assert frame.stays_s == 2.5
    assert COMPOSER.prompt(Prompted("kamera", Prompt.COME_CLOSER)).stays_s == PROMPT_STAYS_S
