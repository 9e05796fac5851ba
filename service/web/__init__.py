"""Everything spoken over HTTP: it reads the store and writes events, and decides nothing.

Start at `app.py`. `guard.py` is the door before every route, `intake.py` the way in for events.
"""
