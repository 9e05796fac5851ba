"""Deliveries owed become messages sent, or dead letters with a reason. Start at `worker.py`."""
