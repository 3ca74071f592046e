"""Every sentence of the screen, in each of its languages. A sentence that is missing in one does
not type-check.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from drivers.prompt import Prompt
from kiosk.settings import Language


class Tongue(Struct, frozen=True, kw_only=True):
    """The sentences in one language; `{}` is filled in."""

    # The page at rest.
    greetings: tuple[str, str, str, str]  # morning, noon, afternoon, evening
    welcome: str
    invite: str
    clock_sure: str
    clock_unsure: str
    line_up: str
    line_away: str
    waiting: str
    source_down: str
    sources_down: str
    disk_full: str
    starting: str
    starting_more: str
    frozen: str
    ask_mine: str
    switch: str
    switch_to: str

    # A result.
    sides: Mapping[str, str]
    recorded: str
    recorded_before: str
    late: str
    early: str
    before: str
    just_before: str
    stranger: str
    stranger_do: str
    face_unsure: str  # two people come too near to this face
    face_unsure_do: str
    face_not_live: str  # the turn of the head did not come
    face_not_live_do: str
    another: str
    another_do: str
    taken: str
    taken_do: str
    unreadable: str
    unreadable_do: str
    kept: str
    second: str
    second_at: str
    second_here: str
    second_more: str
    completes: str
    pin: str
    pin_do: str
    stored_here: str
    no_time: str
    folded: str

    # What one is asked to do.
    prompts: Mapping[Prompt, tuple[str, str]]
    step: str

    # Did my punch count?
    mine: str
    mine_scan: str
    mine_scan_more: str
    mine_nobody: str
    mine_nobody_more: str
    mine_failed: str
    mine_failed_more: str
    mine_none: str
    mine_here: str
    mine_central: str
    mine_central_at: str
    mine_other: str
    mine_note: str
    close: str


INDONESIAN: Final = Tongue(
    greetings=("Selamat pagi", "Selamat siang", "Selamat sore", "Selamat malam"),
    welcome="Selamat datang",
    invite="Silakan lakukan presensi",
    clock_sure="Jam tepat",
    clock_unsure="Jam belum pasti — presensi tetap disimpan",
    line_up="Terhubung ke pusat",
    line_away="Belum terhubung ke pusat",
    waiting="{} menunggu kirim",
    source_down="Alat {} tidak terhubung",
    sources_down="{} alat tidak terhubung",
    disk_full="Memori penuh, hubungi petugas",
    starting="Alat sedang dimulai",
    starting_more="Mohon tunggu sebentar. Layar ini lanjut dengan sendirinya.",
    frozen="Layar tidak menerima kabar dari alat",
    ask_mine="Apakah presensi saya tercatat?",
    switch="English",
    switch_to="Ganti bahasa",
    sides={"masuk": "Masuk", "pulang": "Pulang"},
    recorded="Tercatat",
    recorded_before="Sudah tercatat",
    late="terlambat {} menit",
    early="{} menit sebelum waktunya",
    before="{} menit lalu — dicatat lagi",
    just_before="baru saja — dicatat lagi",
    stranger="Tidak dikenal",
    stranger_do="Hubungi petugas",
    face_unsure="Wajah belum pasti",
    face_unsure_do="Pakai jari atau kartu",
    face_not_live="Belum terbaca",
    face_not_live_do="Mundur, lalu coba lagi dan ikuti petunjuk",
    another="Alat ini belum terdaftar",
    another_do="Hubungi petugas",
    taken="Nomor ini perlu diperiksa",
    taken_do="Hubungi petugas",
    unreadable="Tidak terbaca",
    unreadable_do="Silakan coba sekali lagi",
    kept="Tetap disimpan di alat",
    second="Satu langkah lagi",
    second_at="Jari atau wajah di alat {}",
    second_here="Jari atau wajah di alat ini",
    second_more="Sudah disimpan, tetapi belum dihitung",
    completes="Bukti kedua diterima",
    pin="PIN belum dihitung",
    pin_do="Gunakan jari atau wajah, atau hubungi petugas",
    stored_here="Tersimpan di alat, menunggu jaringan",
    no_time="Jam alat belum pasti — presensi tetap disimpan",
    folded="+{} presensi lain tersimpan",
    prompts={
        Prompt.PLACE_FINGER: ("Tempelkan jari", "Tekan ringan dan tahan"),
        Prompt.LIFT_FINGER: ("Angkat jari", "Lalu tempelkan sekali lagi"),
        Prompt.AGAIN: ("Coba lagi", "Jari tidak terbaca. Bersihkan lalu coba lagi"),
        Prompt.TOO_DRY: ("Jari terlalu kering", "Usap pada kulit, lalu coba lagi"),
        Prompt.TOO_WET: ("Jari terlalu basah", "Keringkan, lalu coba lagi"),
        Prompt.CENTRE_FINGER: ("Taruh jari di tengah", "Seluruh ujung jari menempel"),
        Prompt.OTHER_FINGER: ("Jari ini sudah dikenal", "Pakai jari yang lain"),
        Prompt.CARD: ("Tempelkan kartu", "Dekatkan kartu ke pembaca"),
        Prompt.DONE: ("Selesai", "Terima kasih"),
        Prompt.FAILED: ("Belum berhasil", "Hubungi petugas"),
        Prompt.LOOK_STRAIGHT: ("Lihat lurus ke kamera", "Wajah di tengah layar"),
        Prompt.TURN_LEFT: ("Tengok ke kiri", "Perlahan"),
        Prompt.TURN_RIGHT: ("Tengok ke kanan", "Perlahan"),
        Prompt.COME_CLOSER: ("Maju sedikit", "Wajah terlalu jauh"),
        Prompt.MORE_LIGHT: ("Kurang terang", "Hadap ke arah cahaya"),
        Prompt.HOLD_STILL: ("Jangan bergerak", "Sebentar saja"),
    },
    step="Langkah {} dari {}",
    mine="Presensi saya",
    mine_scan="Pindai sekarang",
    mine_scan_more="Jari, wajah atau kartu. Pemindaian ini juga tercatat.",
    mine_nobody="Tidak ada yang memindai",
    mine_nobody_more="Sentuh tombol sekali lagi untuk mencoba.",
    mine_failed="Belum dapat dibaca",
    mine_failed_more="Alat sedang sibuk. Coba lagi sebentar.",
    mine_none="Belum ada presensi yang tersimpan di alat ini",
    mine_here="masih di alat ini",
    mine_central="diterima pusat",
    mine_central_at="diterima pusat {}",
    mine_other="Tercatat",
    mine_note="Kode bukti di kanan dapat ditunjukkan kepada petugas.",
    close="Tutup",
)

ENGLISH: Final = Tongue(
    greetings=("Good morning", "Good afternoon", "Good afternoon", "Good evening"),
    welcome="Welcome",
    invite="Please check in or out",
    clock_sure="Clock is exact",
    clock_unsure="Clock not certain yet — punches are kept",
    line_up="Connected to central",
    line_away="Not connected to central",
    waiting="{} waiting to be sent",
    source_down="Terminal {} is not connected",
    sources_down="{} terminals are not connected",
    disk_full="Memory is full, call the staff",
    starting="The kiosk is starting",
    starting_more="One moment please. This screen goes on by itself.",
    frozen="This screen hears nothing from the kiosk",
    ask_mine="Did my punch count?",
    switch="Bahasa Indonesia",
    switch_to="Change language",
    sides={"masuk": "In", "pulang": "Out"},
    recorded="Recorded",
    recorded_before="Already recorded",
    late="{} minutes late",
    early="{} minutes early",
    before="{} minutes ago — recorded again",
    just_before="just now — recorded again",
    stranger="Not known",
    stranger_do="Please call the staff",
    face_unsure="Your face is not certain",
    face_unsure_do="Use your finger or your card",
    face_not_live="Not read yet",
    face_not_live_do="Step back, then try again and follow the prompt",
    another="This terminal is not registered",
    another_do="Please call the staff",
    taken="This number must be checked",
    taken_do="Please call the staff",
    unreadable="Not readable",
    unreadable_do="Please try once more",
    kept="It is kept all the same",
    second="One more step",
    second_at="Finger or face at terminal {}",
    second_here="Finger or face at this terminal",
    second_more="It is kept, but does not count yet",
    completes="Second proof received",
    pin="The PIN does not count yet",
    pin_do="Use finger or face, or call the staff",
    stored_here="Stored here, waiting for the network",
    no_time="The clock is not certain yet — the punch is kept",
    folded="+{} more punches are kept",
    prompts={
        Prompt.PLACE_FINGER: ("Place your finger", "Press lightly and hold"),
        Prompt.LIFT_FINGER: ("Lift your finger", "Then place it once more"),
        Prompt.AGAIN: ("Try again", "The finger was not read. Wipe it and try again"),
        Prompt.TOO_DRY: ("Your finger is too dry", "Rub it on your skin, then try again"),
        Prompt.TOO_WET: ("Your finger is too wet", "Dry it, then try again"),
        Prompt.CENTRE_FINGER: ("Centre your finger", "The whole tip on the glass"),
        Prompt.OTHER_FINGER: ("That finger is known already", "Use another finger"),
        Prompt.CARD: ("Hold up your card", "Bring it close to the reader"),
        Prompt.DONE: ("Done", "Thank you"),
        Prompt.FAILED: ("It did not work", "Please call the staff"),
        Prompt.LOOK_STRAIGHT: ("Look straight at the camera", "Your face in the middle"),
        Prompt.TURN_LEFT: ("Turn your head left", "Slowly"),
        Prompt.TURN_RIGHT: ("Turn your head right", "Slowly"),
        Prompt.COME_CLOSER: ("Come a little closer", "Your face is too far away"),
        Prompt.MORE_LIGHT: ("More light is needed", "Turn towards the light"),
        Prompt.HOLD_STILL: ("Hold still", "Just a moment"),
    },
    step="Step {} of {}",
    mine="My punches",
    mine_scan="Scan now",
    mine_scan_more="Finger, face or card. This scan is recorded as well.",
    mine_nobody="Nobody has scanned",
    mine_nobody_more="Touch the button again to try.",
    mine_failed="It could not be read",
    mine_failed_more="The kiosk is busy. Try again in a moment.",
    mine_none="No punches are stored at this kiosk yet",
    mine_here="still at this kiosk",
    mine_central="at central",
    mine_central_at="at central {}",
    mine_other="Recorded",
    mine_note="The receipt code on the right can be shown to the staff.",
    close="Close",
)

TONGUES: Final = {Language.INDONESIAN: INDONESIAN, Language.ENGLISH: ENGLISH}
