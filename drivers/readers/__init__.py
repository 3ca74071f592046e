"""Readers at a serial port that send what somebody holds before them, or types: tags, lines, codes,
PINs. They keep no record and answer nothing.
"""
