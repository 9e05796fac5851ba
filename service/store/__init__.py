"""State, event log and outbox behind one contract: `contract.py` first, then `keys.py` and `commit.lua`."""
