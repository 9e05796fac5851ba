"""JSON Schemas of the files in `config/`, for editors; `python -m service.settings.schema DIR` writes them.

Made from the models, so that completion and `validate` agree. A test keeps `config/schema/` equal to them.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, RootModel

from service.settings.cadences import CadencesModel
from service.settings.calendars import CalendarsModel
from service.settings.channels import ChannelSettings
from service.settings.integration_model import IntegrationModel
from service.settings.people import DirectoryModel
from service.settings.policy_model import PolicyModel
from service.settings.service import ServiceSettings


class ChannelsModel(RootModel[dict[str, Annotated[ChannelSettings, Field(discriminator="kind")]]]):
    """Channels by name."""


_MODELS: dict[str, type[BaseModel]] = {
    "followthrough": ServiceSettings,
    "channels": ChannelsModel,
    "directory": DirectoryModel,
    "calendars": CalendarsModel,
    "cadences": CadencesModel,
    "policy": PolicyModel,
    "integration": IntegrationModel,
}
_MAY_USE_THE_ENVIRONMENT = ("followthrough", "channels", "integration")


def schemas() -> dict[str, dict[str, Any]]:
    """The schema of every kind of file, by the name of its file in `config/schema/`."""
    return {name: _schema(name) for name in _MODELS}


def _schema(name: str) -> dict[str, Any]:
    plain = _MODELS[name].model_json_schema()
    if name in _MAY_USE_THE_ENVIRONMENT:
        plain = _with_files(plain)
    if name == "directory":
        plain["properties"]["people"] = _or_a_table(plain["properties"]["people"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **plain}


def _or_a_table(people: dict[str, Any]) -> dict[str, Any]:
    """`people_csv.py` puts the people of the file where its name stands, before the model is asked."""
    file = {
        "type": "string",
        "description": "A CSV file with a header of a person's fields, beside this one.",
    }
    return {"anyOf": [people, {**file, "examples": ["people.csv"]}]}


def _with_files(node: Any) -> Any:
    """Beside every secret `x` stands `x_file`, and either of them will do."""
    if isinstance(node, list):
        return [_with_files(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: _with_files(value) for key, value in node.items()}
    properties = node.get("properties")
    if not isinstance(properties, dict):
        return node
    secrets = [name for name, value in properties.items() if '"password"' in json.dumps(value)]
    for name in secrets:
        properties[f"{name}_file"] = {
            "type": "string",
            "description": f"A file that holds `{name}`, beside this one.",
        }
    required = [name for name in node.get("required", ()) if name not in secrets]
    needed = [name for name in node.get("required", ()) if name in secrets]
    if needed:
        node["required"] = required
        node["allOf"] = [{"anyOf": [{"required": [name]}, {"required": [f"{name}_file"]}]} for name in needed]
    return node


def write(folder: Path) -> list[Path]:
    """Every schema as `<folder>/<name>.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, schema in schemas().items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "config/schema"))
