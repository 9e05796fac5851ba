"""The folder `config/` turned into typed settings. Start at `load.py`; errors are `problems.py`.

Must not know how anything is stored, sent or shown; imports core only.
"""
