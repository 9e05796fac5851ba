"""The decision under a simulated clock: scenarios and policy tests. `pure.py` is the engine without a store,
`scenario.py` the file format, `judge.py` what was promised against what happened."""
