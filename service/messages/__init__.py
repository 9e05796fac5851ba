"""Renders one owed notification for its reader, and signs the links in it. Knows no store, no channel and no clock.

Begin at `render.py`; what templates may say is in `view.py`, how they are loaded in `templates.py`.
"""
