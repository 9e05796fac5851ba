"""`python -m service` is `followthrough`."""

from service.cli import main

main()
