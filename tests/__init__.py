# A regular package, so that `tests.…` is ours even where some library ships a `tests` of its own.
