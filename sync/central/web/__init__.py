"""Central's pages: plain HTML from the server, one style sheet, no build step, no outside request.

`app.py` puts them together, `site.py` is what each of them has, and says how one is made.
"""
