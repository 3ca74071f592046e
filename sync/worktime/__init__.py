"""Worktime: the dated rules of duty, and the judging of a day by them.

Pure: no file, no clock, no database, nothing of ours imported. Read `rules.py` (what can be said),
`duties.py` (when somebody is on duty), `judge.py` (what their punches come to).
"""
