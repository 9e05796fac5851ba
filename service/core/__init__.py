"""The decision, and nothing else: no clock, no I/O, no randomness, no logging, no library but msgspec.

Start at `decide.py`. What comes in is `events.py`; what is remembered is `model.py`; what goes out is `effects.py`.
"""
