"""Every input: the event log (`streams.py`) and passing time (`timers.py`). They read, hand over, and nothing else."""
