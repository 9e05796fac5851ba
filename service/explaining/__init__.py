"""Why somebody was told, and why nobody was: answers from the record of decisions, for the command line and the web.

`ask.py` is the door; `record.py` reads the store, everything else here is pure. Must not change or send anything.
"""
