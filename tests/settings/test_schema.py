"""The schemas beside the configuration are those of the models, and agree with what loads."""

import json
from pathlib import Path

from service.settings.schema import schemas, write

CONFIG = Path(__file__).parents[2] / "config"


def test_committed_schemas_are_those_of_the_models(tmp_path: Path) -> None:
    for fresh in write(tmp_path):
        committed = CONFIG / "schema" / fresh.name
        assert fresh.read_text(encoding="utf-8") == committed.read_text(encoding="utf-8"), (
            "run `python -m service.settings.schema`"
        )
    assert {path.name for path in (CONFIG / "schema").iterdir()} == {f"{name}.json" for name in schemas()}


def test_every_file_names_a_schema_that_exists() -> None:
    for path in [*CONFIG.glob("*.yaml"), *CONFIG.glob("policies/*.yaml")]:
        first = path.read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("# yaml-language-server: $schema=")
        assert (path.parent / first.partition("=")[2]).resolve().is_file()


def test_every_key_is_documented_where_an_editor_shows_it() -> None:
    policy = schemas()["policy"]
    assert policy["additionalProperties"] is False
    assert "for" in policy["required"]
    assert schemas()["channels"]["$defs"]["EmailChannel"]["properties"]["smtp_file"]
    assert json.dumps(schemas())
