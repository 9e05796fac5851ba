"""One file a subject family: its events and what each does. `decide.py` puts the tables together."""
