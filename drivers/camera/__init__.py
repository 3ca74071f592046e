"""A camera as a terminal: faces are found, followed, asked for a sign of life and matched.

    capture -> engine.detect -> track -> gates -> liveness -> engine.embed -> gallery -> decide

All of it runs in a process of its own (`recognizer.py`), which has no journal, no key and no file
but the weights; the daemon's `source.py` starts it, gives it the gallery and turns its visits into
punches. numpy and OpenCV are imported in that process only.
"""
