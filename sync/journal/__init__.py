"""The hash-chained record on disk, used by both ends."""
