"""Followthrough remembers what people promised, and tells the right person at the right time."""

__version__ = "0.1.0"
