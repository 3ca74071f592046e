"""What travels between a kiosk and central, as types and bytes; no I/O, no clock, no thread.

docs/PROTOCOL.md is the contract in prose; these modules are the contract in code.
"""
