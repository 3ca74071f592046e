"""The technician's page: how the kiosk is, what went wrong lately, what to do, and a few actions.

Behind a log-in of their own; the daemon compares passwords, records who came and who did what.
"""
