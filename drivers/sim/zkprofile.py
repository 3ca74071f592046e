"""What kind of ZK terminal is simulated: a firmware's ways, as data.

A new firmware is a new `Profile`, not new code. Version texts are made up where a device's own are
not known; row layouts and refusals are as its bytes show them.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct

from drivers.sim.zkrecords import (
    STRAY_PREFIX,
    TAIL_40,
    EventLayout,
    LogLayout,
    SizesLayout,
    UserLayout,
)
from drivers.sim.zkwire import Code


class Sharing(StrEnum):
    """What a second client's CONNECT does."""

    SHARED = "shared"  # both are served
    NEWEST = "newest"  # the second one gets the terminal, the first one's connection is cut
    FIRST = "first"  # the second one's connection is cut


class Full(StrEnum):
    """What becomes of a punch when the log has no row left."""

    OVERWRITES = "overwrites"  # the oldest row goes
    STOPS = "stops"  # the screen says so and nothing is logged


class Profile(Struct, frozen=True, kw_only=True):
    """One firmware's ways.

    Attributes:
        firmware: the answer to GET_VERSION.
        platform, device_name, mac: as OPTIONS_RRQ tells them; `options` adds more or overrides.
        unknown_option: how an unknown option is refused: 2001 (F19) or 65535 (D2).
        users, log, events, sizes: row layouts.
        log_tail: the last eight bytes of a 40-byte row.
        log_prefix: stray bytes before the first attendance row.
        refuses: requests that this firmware refuses, and with which code; as in `Faults`.
        bare_option_names: an option's name is known only without a NUL behind it.
        time_range: knows Code.ATTLOG_RANGE.
        numbered: several DATA packets carry 0, 1, 2... in their session field.
        when_full: what becomes of a punch when the log has no row left.
        tcp, udp: what the terminal listens on.
        sharing: what a second client's CONNECT does.
        small_table_bytes: tables up to this size are answered by a single DATA packet (of
            1,024 bytes with its header).
        tcp_data_bytes, udp_data_bytes: most bytes per DATA packet of a slice; real units were
            seen to announce 1008 and 65,536.
        closing_ack_counts: the ACK_OK that ends a table carries the number of bytes sent in its
            session field instead of the session, as in a K40's capture (js_zklib issue 53).
        exits_twice: EXIT is answered twice, the second time with another session: one source's
            reading of the same capture.
        waits_for_ack: the next event is pushed only when the last one has been acknowledged.
        frame_gap_s: pause after each TCP segment. Real terminals are slow enough to leave one;
            node-zklib and zkteco-js lose data without about 0.02 s, pyzk waits for ever without
            it when a slice comes in many small DATA packets.
        record_capacity, user_capacity, finger_capacity: as GET_FREE_SIZES tells them.
    """

    firmware: str = "Ver 6.60 Sep 27 2019"
    platform: str = "ZEM760_TFT"
    device_name: str = "F19"
    mac: str = "00:17:61:01:02:03"
    options: dict[str, str] = msgspec.field(default_factory=dict)
    unknown_option: Code = Code.ACK_ERROR
    users: UserLayout = UserLayout.TFT
    log: LogLayout = LogLayout.TFT_40
    events: EventLayout = EventLayout.TFT
    sizes: SizesLayout = SizesLayout.FACE
    log_tail: bytes = TAIL_40
    log_prefix: bytes = b""
    refuses: Mapping[Code, Code] = msgspec.field(default_factory=dict)
    bare_option_names: bool = False
    time_range: bool = False
    numbered: bool = True
    when_full: Full = Full.OVERWRITES
    tcp: bool = True
    udp: bool = True
    sharing: Sharing = Sharing.SHARED
    small_table_bytes: int = 1016
    tcp_data_bytes: int = 65536
    udp_data_bytes: int = 1024
    closing_ack_counts: bool = False
    exits_twice: bool = False
    waits_for_ack: bool = False
    frame_gap_s: float = 0.0
    record_capacity: int = 100_000
    user_capacity: int = 10_000
    finger_capacity: int = 3_000


PROFILES: Final = {
    "f19": Profile(),
    "k40": Profile(
        device_name="K40",
        platform="JZ4725_TFT",
        tcp_data_bytes=1008,
        closing_ack_counts=True,
        log_tail=bytes(8),
    ),
    "d2": Profile(device_name="D2", platform="AK3750WIFI_TFT", unknown_option=Code.ACK_UNKNOWN),
    # Before about 2014: UDP only, short rows. Event width as seen on its sister, the ZEM560.
    "zem500": Profile(
        firmware="Ver 6.21 Nov 19 2008",
        device_name="U580",
        platform="ZEM500",
        users=UserLayout.OLD,
        log=LogLayout.ZEM500_8,
        events=EventLayout.ZEM560,
        sizes=SizesLayout.PLAIN,
        tcp=False,
        record_capacity=50_000,
    ),
    "ma300": Profile(
        firmware="Ver 6.39 Sep 20 2012",
        device_name="MA300",
        platform="ZEM510",
        users=UserLayout.OLD,
        log=LogLayout.ZEM500_8,
        events=EventLayout.OLD,
        sizes=SizesLayout.PLAIN,
        tcp=False,
    ),
    "wl20": Profile(
        device_name="WL20",
        platform="ZMM100_TFT",
        sizes=SizesLayout.WL20,
        events=EventLayout.NEWER,
        time_range=True,
    ),
    "uface": Profile(
        device_name="uFace800",
        platform="ZEM600_TFT",
        events=EventLayout.UFACE,
        log_prefix=STRAY_PREFIX,
        unknown_option=Code.ACK_UNKNOWN,
    ),
    "speedface": Profile(
        firmware="Ver 8.0.4.3 Mar 1 2021",
        device_name="SpeedFace-V5L",
        platform="ZAM170_TFT",
        log=LogLayout.SPEEDFACE_49,
        events=EventLayout.NEWEST,
        sizes=SizesLayout.LONG,
        time_range=True,
        record_capacity=200_000,
    ),
    # The same device with its access-control firmware: it withholds its log on this port.
    "speedface-access": Profile(
        firmware="Ver 8.0.4.3 Mar 1 2021",
        device_name="SpeedFace-V5L",
        platform="ZAM170_TFT",
        events=EventLayout.NEWEST,
        sizes=SizesLayout.LONG,
        refuses={
            Code.ATTLOG_RRQ: Code.NOT_FOR_THIS_FIRMWARE,
            Code.ATTLOG_RANGE: Code.NOT_FOR_THIS_FIRMWARE,
        },
        record_capacity=200_000,
    ),
    "senseface": Profile(
        firmware="Ver 6.60 Jan 13 2025",
        device_name="SenseFace 3A",
        platform="ZAM180_TFT",
        refuses={Code.CONNECT: Code.SECURE_HANDSHAKE},
    ),
}
"""Terminals that `kiosk sim zkteco --profile` knows."""
