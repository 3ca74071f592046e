"""Fingerprint modules of the R30x family: ZFM-20, R307, R308, R503, R551, AS608."""
