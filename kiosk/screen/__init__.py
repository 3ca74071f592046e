"""The employee's screen: a process of its own that shows what the daemon tells through its socket.

    feed.py      a thread that watches the daemon           serve.py   sockets, signals, uvicorn
    compose.py   pure: what happened -> what is shown       hub.py     frames to every open page
    words.py     the same in Bahasa Indonesia and English   page.py    the page's addresses
    pace.py      pure: who is shown when many come at once  static/    one style, one script

It may crash, hang or be away: no punch knows of it. The daemon imports none of it.
"""
