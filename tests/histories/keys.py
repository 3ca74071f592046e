"""Keys of a town that does not exist: the same in every process, so that a seed replays."""

from typing import Final

from sync.protocol.identity import PrivateKey

_PEMS: Final = (
    b"""-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgHg3/YFeUBVgLRg+F
hXT/NYDe4vVxw7iyeyoRK5Yv0B6hRANCAAQt/8+vOZZo7hUosPtITQF+JZJCyOVL
gech38tjCet/aQfQnFKEOqOaKXPXb3a/D7bA32M5gi/chiOgvfh7S08F
-----END PRIVATE KEY-----
""",
    b"""-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg6AED/zh90nfZgeew
3Q54QJnQCa5P6oa75G5NBrLw98yhRANCAATYIuQrKFnVGj3uYI2mqIvzuONfIqZt
IV/AEQIhyV0tTyoMxbwChohtpu8BB5zL6AZUNJDC5EkQl92uZthuRwug
-----END PRIVATE KEY-----
""",
    b"""-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgiwAhXjYf8Ryhfmnx
UoJpfm4OHWrJ/vycisGiBDfOnZuhRANCAAQENZFRDh80Z+Ol7fllzfk8Bm/aIE3x
cgijesE+nnLIyD1nfRtwYnQzquOqusHhphXnMEHymeXzqKdrGtTNYWrN
-----END PRIVATE KEY-----
""",
    b"""-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXnQZbgZtjrCczOCO
B9Ajj4D5zFcpn2dXctB+kkVVFP6hRANCAASWnvfr+IgG93wWXaOSX9cx2UPt7YDl
/R81+uq+wY/FUw1zFJYg/xRFB002W7QBfRTsko2WsBcAt7lUaoqfUb+H
-----END PRIVATE KEY-----
""",
    b"""-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg2/D980MiJsimcujr
OywMF6xivtmHrTjP59pOh5i/nhOhRANCAAR8SfwoBsnrOuf8vpO6vuY9yjVgkgB+
60BLQ3JEK9TOFMi2ynbAaom6PK8NWHyYVNioqw8aGMYy4dAGSFZmov54
-----END PRIVATE KEY-----
""",
)

CENTRAL, *KIOSKS = (PrivateKey.from_pem(pem) for pem in _PEMS)
