"""Closing a month: frozen for good; what becomes different later is signed, one after the other."""

import io
from datetime import timedelta

import msgspec
import openpyxl
import pytest
from msgspec import structs
from site_parts import ORIGIN, Site
from small_town import DAY, Town, at

from sync.central import closing
from sync.central.carried import hold_against
from sync.central.closing import Changed, Difference, applied, difference, standing
from sync.central.roles import Role
from sync.central.store.proposals import Stage
from sync.protocol.closing import Closes, decode
from sync.protocol.errors import Inconsistent, ProtocolError, Unverified
from sync.protocol.identity import KeyRing, PrivateKey
from sync.worktime.verdicts import Verdict

PATH = "/closings/dinkes/2026-11"
CLOSE = {
    "unit": "dinkes",
    "month": "2026-11",
    "what": "close",
    "reason": "rekap November",
    "despite": "alat lama belum terbaca",
}


@pytest.fixture
def site(central, make_kiosk):
    Town(central, make_kiosk).evening()
    central.now = at("08:00:00", DAY + timedelta(days=10))  # 4 December
    made = Site(central)
    made.add_account("petugas", Role.OFFICER)
    made.add_account("unit", Role.UNIT, "dinkes")
    made.add_account("lain", Role.UNIT, "dlh")
    return as_(made, "petugas")


def as_(site, name: str):
    site.browser.cookies.clear()
    assert site.log_in(name=name).status_code == 303
    return site


def post(site, path: str, **form):
    return site.browser.post(path, data=form, headers=ORIGIN)


def close(site) -> None:
    answer = post(site, "/closings", **CLOSE)
    assert answer.status_code == 303, answer.text


def kept(site, unit: str = "dinkes"):
    with site.central.store.reading() as tx:
        return tx.closings.of(unit, "2026-11")


def came_to(site):
    return standing(closing.messages(kept(site)), site.central.authority.keys)


def excuse(site, person: str = "4", word: str = "sakit"):
    """Let an absence be proposed in the closed month, and approved by a second account."""
    as_(site, "unit")
    form = {
        "person": person,
        "word": word,
        "since": str(DAY),
        "until": str(DAY),
        "reason": "surat dokter menyusul",
    }
    looked = post(site, "/absences/new", step="look", **form)
    assert "Bulan sudah ditutup" in looked.text
    assert "Usulkan" in looked.text
    assert post(site, "/absences/new", step="do", **form).status_code == 303
    with site.central.store.reading() as tx:
        [one] = tx.proposals.listed([Stage.WAITING])
    as_(site, "petugas")
    page = site.browser.get(f"/proposals/{one.id}")
    assert "Dinas Kesehatan, November 2026" in page.text
    form = {"answer": "approve", "seen": "dinkes 2026-11"}
    assert post(site, f"/proposals/{one.id}", answer="approve").status_code == 400  # not seen
    assert post(site, f"/proposals/{one.id}", **form).status_code == 303


def seen(site) -> str:
    return site.browser.get(PATH).text.partition('name="seen" value="')[2].partition('"')[0]


def test_what_is_closed_is_what_was_judged_and_says_from_what(site):
    page = site.browser.get(PATH)
    assert "Belum jelas" in page.text
    assert "tanpa keterangan" in page.text
    close(site)
    was = came_to(site).frozen
    [row] = [one for one in was.rows if one["person"] == "4" and one["day"] == str(DAY)]
    assert row["word"] == "tanpa keterangan"
    assert {one["unit"] for one in was.rows} == {"dinkes"}
    assert was.despite == CLOSE["despite"]
    assert {one.word for one in was.unclear} == {"belum lengkap"}
    ends = {(one.kiosk, one.epoch) for one in was.ground.kiosks}
    assert ends == {("k-dinkes", "e-dinkes"), ("k-dlh", "e-dlh")}
    assert len(was.ground.rules) == 64
    [ayu] = [one for one in was.people if one.person == "1"]
    assert (ayu.name, ayu.here, ayu.late) == ("Ayu", 1, 0)
    [budi] = [one for one in was.people if one.person == "2"]
    assert (budi.late, budi.late_min, budi.classes["TL1"]) == (1, 11, 1)
    assert sum(ayu.shares.values()) == ayu.duties * 510
    page = site.browser.get(PATH)
    assert "Tidak ada yang berubah sejak ditutup" in page.text
    assert "ditutup" in site.browser.get("/closings?month=2026-11").text
    [said] = [one.said for one in site.central.decisions.read()]
    assert (said.action, said.subject, said.actor) == (
        "close month",
        "dinkes 2026-11",
        "account petugas",
    )
    assert said.detail["sha256"] == came_to(site).said[0].closing.digest
    with site.central.store.reading() as tx:
        held = hold_against(tx, site.central.decisions.read())
    assert (held.faults, held.notes, held.closings) == ([], [], 1)


def test_what_changes_later_is_a_signed_difference_and_the_frozen_month_stays(site):
    close(site)
    before = kept(site)
    frozen = site.browser.get(f"{PATH}.csv").content
    excuse(site)
    page = site.browser.get(PATH)
    assert "Sejak ditutup 1 perubahan" in page.text
    assert kept(site) == before  # nothing by itself
    form = {"unit": "dinkes", "month": "2026-11", "what": "issue", "reason": "surat sakit"}
    assert post(site, "/closings", **form, seen="x").status_code == 400
    assert post(site, "/closings", **form, seen=seen(site)).status_code == 303
    first, second = kept(site)
    assert first == before[0]
    found = came_to(site)
    [_, said] = found.said
    assert said.closing.head.previous == found.said[0].closing.digest
    [change] = said.content.changes
    assert [row["word"] for row in change.before] == ["tanpa keterangan"]
    assert [row["word"] for row in change.after] == ["sakit"]
    assert "Tidak ada yang berubah sejak selisih terakhir" in site.browser.get(PATH).text
    assert post(site, "/closings", **form, seen=seen(site)).status_code == 400  # nothing to say
    assert site.browser.get(f"{PATH}.csv").content == frozen
    later = site.browser.get(f"{PATH}.csv?number=1").content.decode("utf-8-sig")
    assert "sakit" in later
    assert second.actor == "account petugas"


def test_differences_follow_each_other(site):
    close(site)
    for number, (person, word) in enumerate([("4", "sakit"), ("2", "dinas luar")], 1):
        excuse(site, person, word)
        form = {"unit": "dinkes", "month": "2026-11", "what": "issue", "reason": "surat lagi"}
        assert post(site, "/closings", **form, seen=seen(site)).status_code == 303
        assert len(kept(site)) == number + 1
    found = came_to(site)
    assert [len(one.content.changes) for one in found.said[1:]] == [1, 1]
    messages = closing.messages(kept(site))
    keys = site.central.authority.keys
    for wrong in ([], messages[1:], messages[::2], messages[::-1], [messages[0]] * 2):
        with pytest.raises(Inconsistent):
            standing(wrong, keys)
    with pytest.raises(Unverified):
        standing(messages, KeyRing([PrivateKey.generate().public]))


def test_a_changed_byte_is_found_wherever_it_is(site):
    close(site)
    [message] = closing.messages(kept(site))
    keys = site.central.authority.keys
    for place in range(0, len(message), 97):
        wrong = bytearray(message)
        wrong[place] ^= 1
        with pytest.raises(ProtocolError):
            standing([bytes(wrong)], keys)


@pytest.mark.parametrize(
    ("over", "why"),
    [
        ({"reason": "ya"}, "Alasan"),
        ({"despite": ""}, "belum jelas"),
        ({"month": "2026-12"}, "belum selesai"),
        ({"month": "2027-01"}, "belum selesai"),
        ({"month": "2026-13"}, "bukan bulan"),
        ({"unit": "x"}, "Tidak ada unit"),
        ({"what": "x"}, "Pilih"),
        ({"what": "issue"}, "belum ditutup"),
    ],
)
def test_what_cannot_be_closed(site, over, why):
    answer = post(site, "/closings", **{**CLOSE, **over})
    assert answer.status_code in (400, 404)
    assert why in answer.text
    assert kept(site) == []


def test_a_month_is_closed_once_and_by_who_may(site):
    close(site)
    assert post(site, "/closings", **CLOSE).status_code == 400
    assert len(kept(site)) == 1
    as_(site, "unit")
    assert post(site, "/closings", **CLOSE).status_code == 403
    assert site.browser.get(PATH).status_code == 200
    assert "Terbitkan" not in site.browser.get(PATH).text
    as_(site, "lain")
    for path in (PATH, f"{PATH}.csv", f"{PATH}.xlsx"):
        assert site.browser.get(path).status_code == 404
    assert "Kesehatan" not in site.browser.get("/closings?month=2026-11").text


def test_files_of_the_frozen_rows(site):
    assert site.browser.get(f"{PATH}.csv").status_code == 404
    close(site)
    answer = site.browser.get(f"{PATH}.csv")
    assert answer.content.startswith(b"\xef\xbb\xbfday,unit,person")
    assert "attachment" in answer.headers["content-disposition"]
    book = openpyxl.load_workbook(io.BytesIO(site.browser.get(f"{PATH}.xlsx").content))
    assert book.sheetnames == ["rekap", "pegawai"]
    assert book["pegawai"]["B2"].value == "Ayu"
    assert site.browser.get(f"{PATH}.csv?number=1").status_code == 404
    assert site.browser.get(f"{PATH}.csv?number=x").status_code == 404


def test_a_changed_message_is_no_page_but_a_word(site):
    close(site)
    [one] = kept(site)
    with site.central.store.writing() as tx:
        from sync.central.store import tables

        table = tables.closing
        wrong = one.message.replace(b'"number":0', b'"number":1')
        tx.closings._connection.execute(table.update().values(message=wrong))
    answer = site.browser.get(PATH)
    assert answer.status_code == 400
    assert "panggil auditor" in answer.text


def test_a_month_that_waits_for_words_says_so(site):
    as_(site, "unit")
    form = {"person": "4", "day": str(DAY), "arrival": "07:25", "reason": "daftar kertas"}
    post(site, "/papers/new", step="do", **form)
    as_(site, "petugas")
    assert 'href="/proposals/1"' in site.browser.get(PATH).text
    close(site)
    assert came_to(site).frozen.waiting == [1]


def test_a_half_that_is_called_differently_is_a_change_though_nothing_else_is(site):
    """The word speaks of one half; that the other is open, or not, is in the sums as well."""
    with site.central.store.reading() as tx:
        city = site.site.cities.current(tx)
        [one] = [
            each
            for each in closing.judge(tx, city, "dinkes", DAY, DAY, site.central.now)
            if each.person == "2"
        ]
    [duty] = one.duties
    left = structs.replace(duty.departure, verdict=Verdict.UNSURE)
    other = structs.replace(one, duties=[structs.replace(duty, departure=left)])
    more = structs.replace(duty.shares, unproved=duty.shares.unproved + 1)
    third = structs.replace(one, duties=[structs.replace(duty, shares=more)])
    was = list(closing.rows_of([one], city))
    assert difference(was, list(closing.rows_of([one], city))) == []
    for changed in (other, third):
        assert len(difference(was, list(closing.rows_of([changed], city)))) == 1


# What is pure.


def row(person: str, day: str, word: str, name: str = "N", duty: str = "k"):
    return {"person": person, "day": day, "word": word, "name": name, "duty": duty}


def test_the_difference_names_what_changed_only():
    before = [row("1", "a", "hadir"), row("1", "b", "sakit"), row("2", "a", "hadir")]
    now = [row("1", "a", "hadir", "New"), row("1", "b", "izin"), row("3", "a", "hadir")]
    found = difference(before, now)
    assert [(one.person, one.day) for one in found] == [("1", "b"), ("2", "a"), ("3", "a")]
    assert (found[1].after, found[2].before) == ([], [])
    assert difference(applied(before, found), now) == []


def test_a_difference_that_begins_elsewhere_is_refused(site):
    close(site)
    was = came_to(site)
    lie = Difference(
        unit="dinkes",
        month="2026-11",
        actor="x",
        reason="y",
        ground=was.frozen.ground,
        changes=[Changed("4", "Dewi", str(DAY), [row("4", str(DAY), "hadir")], [])],
    )
    what = Closes(
        unit="dinkes", month="2026-11", number=1, utc=1, previous=was.said[0].closing.digest
    )
    message = site.central.authority.sign_closing(what, closing.written(lie))
    with pytest.raises(Inconsistent, match="was not so before"):
        standing([*closing.messages(kept(site)), message], site.central.authority.keys)


def test_a_small_message_does_not_unpack_to_anything():
    key = PrivateKey.generate()
    what = Closes(unit="u", month="2026-11", number=0, utc=1, previous="")
    from sync.protocol import closing as form

    message = form.encode(what, b"0" * 1000, key)
    assert decode(message).content == b"0" * 1000
    head = msgspec.json.decode(message.partition(b"\n")[0])
    small = msgspec.json.encode({**head, "size": 10})
    rest = message.partition(b"\n")[2]
    with pytest.raises(ProtocolError):
        decode(small + b"\n" + rest)
