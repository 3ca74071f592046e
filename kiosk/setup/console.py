"""A set-up by questions, from the first one to the kiosk.toml that follows from them.

The console is an argument: who types may be a person, a pipe or a test.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from msgspec import Struct, structs

from kiosk.setup import draft as drafts
from kiosk.setup import questions
from kiosk.setup.disk import Disk
from kiosk.setup.draft import Draft, OnStick
from kiosk.setup.enrolling import NotYet, Post, TurnedAway, approval, believed, claim
from kiosk.setup.plan import Plan, planned
from kiosk.setup.questions import NO, Form
from kiosk.setup.road import SOFTWARE, key_of
from kiosk.setup.said import Said
from kiosk.setup.wizard import Probe, Wizard
from kiosk.setup.written import check_goes_on, keep_papers, settings_text, write
from sync.edge.enrolment import ByApproval, ByCode
from sync.protocol.claim import ClaimCode, ClaimKey
from sync.protocol.enrolment import Enrolled
from sync.protocol.identity import PrivateKey


class Console(Protocol):
    """Who is asked."""

    def say(self, said: Said) -> None: ...
    def ask(self, said: Said) -> str:
        """Return a line. Raises EOFError: nobody answers any more."""


class Where(Struct, frozen=True):
    """Where a set-up is kept: on which disk, as which settings, in which data directory."""

    disk: Disk
    config: Path
    home: Path
    data: str


class SetUp:
    """One set-up on a console. Every method raises OSError, EOFError, SettingsError."""

    def __init__(
        self,
        place: Where,
        console: Console,
        post: Post,
        probe: Probe,
        wait: Callable[[float], bool],
        show: Callable[[str], None],
    ) -> None:
        """`show` tells the six digits to whoever else shows them, as long as they hold; then ""."""
        self._place = place
        self._console = console
        self._post = post
        self._probe = probe
        self._wait = wait
        self._show = show
        self._digits = ""
        self._before = place.disk.read(place.config)
        self._draft = drafts.load(place.disk, place.home)

    def by_line(self) -> Plan:
        """Ask, enrol over the network, write. Returns what was decided. Raises NotEnrolled."""
        form = Form(is_new=self._before is None)
        wizard = self._begin(form)
        while True:
            plan = self._decided(wizard, form)
            if not questions.enrols(wizard.given, form):
                return self._finish(plan, None)
            try:
                enrolled = self._draft.enrolled or self._enrolled(plan)
                check_goes_on(self._place.home, self._before, enrolled)
            except NotYet as error:
                self._console.say(error.said)
                again = self._console.ask(Said("Coba lagi? y/t [y]", "Try again? y/n [y]"))
                if again.strip().lower() in NO:
                    raise
            except TurnedAway as error:
                self._console.say(error.said)
                wizard.again("code")
            else:
                self._keep(enrolled=enrolled)  # a code is good once
                return self._finish(plan, enrolled)

    def begin_stick(self) -> bytes:
        """Ask, and return the request that is to be carried to central. Raises NotEnrolled."""
        form = Form(is_new=self._before is None, by_stick=True)
        wizard = self._begin(form)
        plan = self._decided(wizard, form)
        code = ClaimCode.read(plan.code)
        asking = ByCode.begin(self._key(), code, plan.kiosk, SOFTWARE)
        under_way = OnStick(message=asking.message.decode(), key=code.key().octets.hex())
        self._keep(given=wizard.kept(), on_stick=under_way)
        return asking.message

    def end_stick(self, answer: bytes) -> Plan:
        """Take central's answer. Raises NotEnrolled: nothing has changed then."""
        under_way = self._draft.on_stick
        if under_way is None:
            raise TurnedAway(
                Said(
                    "Tidak ada permintaan yang sedang dibawa: kiosk setup --request DIR",
                    "No request is under way: begin with kiosk setup --request DIR",
                )
            )
        form = Form(is_new=self._before is None, by_stick=True)
        key = ClaimKey(bytes.fromhex(under_way.key))
        enrolled = believed(ByCode(self._key().public, key, under_way.message.encode()), answer)
        check_goes_on(self._place.home, self._before, enrolled)
        plan, mistakes = planned(questions.raw(self._draft.given, form))
        if plan is None:  # of another version
            raise TurnedAway(mistakes[0].said)
        self._keep(enrolled=enrolled)
        return self._finish(plan, enrolled)

    def _begin(self, form: Form) -> Wizard:
        if self._draft.given:
            self._console.say(
                Said(
                    "Jawaban dari penyiapan yang terputus masih ada: Enter memakainya lagi",
                    "The answers of a set-up that was cut short are still there: Enter takes them",
                )
            )
        return Wizard(self._draft.given, self._probe, form)

    def _decided(self, wizard: Wizard, form: Form) -> Plan:
        """Ask until everything is answered, and right together."""
        while True:
            while wizard.question is not None:
                for said in wizard.answer(self._console.ask(wizard.shown)):
                    self._console.say(said)
                self._keep(given=wizard.kept())
            plan, mistakes = planned(questions.raw(wizard.given, form))
            if plan is not None:
                return plan
            for one in mistakes:
                self._console.say(one.said)
            wizard.again("sources.0.kind")

    def _enrolled(self, plan: Plan) -> Enrolled:
        key = self._key()
        if plan.code:
            asking = ByCode.begin(key, ClaimCode.read(plan.code), plan.kiosk, SOFTWARE)
            return claim(self._post, plan.central, asking)
        try:
            return approval(
                self._post,
                plan.central,
                ByApproval(key, plan.kiosk, SOFTWARE),
                self._show_digits,
                self._waited,
            )
        finally:
            self._show("")

    def _waited(self, seconds: float) -> bool:
        self._show(self._digits)  # they hold still
        return self._wait(seconds)

    def _show_digits(self, digits: str) -> None:
        self._digits = digits
        self._show(digits)
        self._console.say(
            Said(
                f"\n    {digits[:3]} {digits[3:]}\n\nBacakan keenam angka ini ke pengelola pusat, "
                "yang mengetiknya: presensi-central kiosks approve. Kiosk menunggu.",
                f"\n    {digits[:3]} {digits[3:]}\n\nRead these six digits out to whoever runs "
                "central, who types them: presensi-central kiosks approve. The kiosk waits.",
            )
        )

    def _key(self) -> PrivateKey:
        return key_of(self._place.disk, self._place.home)

    def _keep(
        self,
        given: dict[str, str] | None = None,
        enrolled: Enrolled | None = None,
        on_stick: OnStick | None = None,
    ) -> None:
        self._draft = Draft(
            given=self._draft.given if given is None else given,
            enrolled=enrolled or self._draft.enrolled,
            on_stick=on_stick or self._draft.on_stick,
        )
        drafts.save(self._place.disk, self._place.home, self._draft)

    def _finish(self, plan: Plan, enrolled: Enrolled | None) -> Plan:
        """Write what was decided, kiosk.toml last."""
        place = self._place
        text = settings_text(plan, enrolled, self._before, place.data)
        if enrolled is not None:
            keep_papers(place.disk, place.home, enrolled)
        write(place.disk, place.config, text)
        drafts.drop(place.disk, place.home)
        if enrolled is None:
            return plan
        return structs.replace(plan, kiosk=enrolled.kiosk)
