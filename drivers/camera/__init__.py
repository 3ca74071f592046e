"""A camera as a terminal: faces are found, followed, asked for a sign of life and matched.

In the daemon, without numpy:

    source.py       a camera as `drivers.base.Source`: visits become punches, kept until confirmed
    process.py      the recognizer's process: started, spoken to, ended     wire.py   what is said
    visits.py       the words: Visit, Evidence, Ask                         ordinals.py
    weights.py      which files an engine needs, by hash

In a process of its own, which has no journal, no key and no file but the weights:

    recognizer.py   looks, and answers the daemon
    capture.py      frames: devices.py and live.py (cameras), recorded.py, trouble.py (is it blind?)
    pipeline.py     the way of a frame. READ FIRST
        engine.py   contracts; sface.py, dlib_engine.py, passive.py are behind them (build.py)
        measure.py, gates.py      what a frame shows of a face; what the person is to do
        track.py, stay.py         a track follows a place, a stay a person
        gallery.py, decide.py     who is nearest; who is named, over several frames
        liveness.py               the turn of the head
        rules.py                  the settings, with the engine's own bounds
    enrolling.py    three pictures that make somebody known
    calibrate.py    what the people enrolled here say of the threshold
"""
