"""Simulated terminals: shipped, used by tests, by technicians and by `make run`.

Each speaks the real protocol turned round, with a codec of its own, so that a mistake in a
driver is not shared by what judges it.
"""
