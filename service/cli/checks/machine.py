"""The machine: which Python, and whether it knows the world's time zones as they are today."""

import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo, ZoneInfoNotFoundError

from service.cli.checks.finding import Finding, bad, fine, look

# The release of 3.11 with the fixes of header injection in mail (CVE-2024-6923, CVE-2026-0672, CVE-2026-1299).
PYTHON_311_PATCH_MIN = 15
# Some country changes its rules every year; two years behind is wrong for somebody.
TZ_YEARS_MAX = 2


def machine() -> list[Finding]:
    return [python(sys.version_info[:3]), time_zones(datetime.now(UTC).year)]


def python(running: tuple[int, int, int]) -> Finding:
    named = ".".join(map(str, running))
    if running[:2] < (3, 11):
        return bad(f"Python {named} is too old", "run it with Python 3.11 or newer")
    if running[:2] == (3, 11) and running[2] < PYTHON_311_PATCH_MIN:
        return look(
            f"Python {named} lacks fixes in its mail library",
            f"install 3.11.{PYTHON_311_PATCH_MIN} or newer (we check mail headers ourselves, too)",
        )
    return fine(f"Python {named}")


def time_zones(year: int) -> Finding:
    """The system's database is taken first, the package `tzdata` where there is none."""
    try:
        ZoneInfo("Europe/Madrid")
    except ZoneInfoNotFoundError:
        return bad("there is no time zone database", "install the package tzdata")
    found = _system_version() or _package_version()
    if not found:
        return look("the time zone database does not tell its version", "keep the system's tzdata up to date")
    if int(found[:4]) < year - TZ_YEARS_MAX:
        return look(f"the time zone database is of {found}", "update the system's tzdata")
    return fine(f"time zone database {found}")


def _system_version() -> str:
    """`2026a`, from the first line of tzdata.zi: "# version 2026a"."""
    for folder in TZPATH:
        listing = Path(folder) / "tzdata.zi"
        try:
            with listing.open(encoding="utf-8") as lines:
                words = lines.readline().split()
        except OSError:
            continue
        if len(words) == 3 and words[2][:4].isdigit():
            return words[2]
    return ""


def _package_version() -> str:
    try:
        return version("tzdata")
    except PackageNotFoundError:
        return ""
