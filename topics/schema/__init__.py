"""The messages and topics for readers in other languages: JSON Schemas and one AsyncAPI document.

Made from the types and the catalog, and kept beside this file; `python -m topics.schema` writes them anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from msgspec import json

from topics.campaign import Campaign
from topics.catalog import POSTS, TOPICS, Topic
from topics.dead_letter import DeadLetter
from topics.decision import Decision
from topics.post import Post

FOLDER: Final = Path(__file__).parent
FORMAT_VERSION: Final = "1.0.0"
"""Version of the messages' form: the first number rises when a reader of the old form would break."""

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_BINDING: Final = "0.5.0"
_MESSAGES: Final = (Post, Decision, DeadLetter, Campaign)


def documents() -> dict[str, bytes]:
    """Every generated file: its name in `FOLDER`, and its content."""
    made = {
        "post.json": {"$schema": _DIALECT, **json.schema(Post)},
        "decision.json": {"$schema": _DIALECT, **json.schema(Decision)},
        "campaign.json": {"$schema": _DIALECT, **json.schema(Campaign)},
        "dead_letter.json": {"$schema": _DIALECT, **dead_letter_headers()},
        "asyncapi.json": asyncapi(),
    }
    for document in made.values():
        _name_choices(document)
    return {name: json.format(json.encode(document), indent=2) + b"\n" for name, document in made.items()}


def _name_choices(node: Any) -> None:
    """Give each field that is one of a few words a title, by which generated code calls its type."""
    if isinstance(node, dict):
        for name, field in node.get("properties", {}).items():
            if "enum" in field:
                field["title"] = name.capitalize()
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _name_choices(inner)


def write() -> list[Path]:
    """Write the files whose content has changed; returns their paths."""
    changed = []
    for name, content in documents().items():
        path = FOLDER / name
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)
            changed.append(path)
    return changed


def dead_letter_headers() -> dict[str, Any]:
    """JSON Schema of a dead letter's record headers, which are text on the wire, numbers too."""
    fields = json.schema(DeadLetter)["$defs"][DeadLetter.__name__]["properties"]
    headers = {}
    for name, field in fields.items():
        if name in ("value", "key"):
            continue
        if field.get("type") == "integer":
            field = {"description": field["description"], "type": "string", "pattern": "^[0-9]+$"}
        headers[name] = field
    return {
        "title": "DeadLetterHeaders",
        "description": "Record headers of a dead letter; key and value of the record are the bytes that came.",
        "type": "object",
        "properties": headers,
        "required": list(headers),
    }


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document: what Sluicegate receives and sends, on which topics, in which form."""
    _, schemas = json.schema_components((Post, Decision, Campaign), ref_template="#/components/schemas/{name}")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Sluicegate",
            "version": FORMAT_VERSION,
            "description": "Posts in, explained verdicts out. Times are milliseconds since the epoch, UTC.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {_operation_name(topic): _operation(topic) for topic in TOPICS},
        "components": {
            "messages": {message.__name__: _message(message) for message in _MESSAGES},
            "schemas": {**schemas, "DeadLetterHeaders": dead_letter_headers()},
        },
    }


def _channel(topic: Topic) -> dict[str, Any]:
    name = topic.message.__name__
    return {
        "address": topic.name,
        "description": f"{topic.description} Key: {topic.key}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": [topic.cleanup],
                    "retention.ms": int(topic.configs["retention.ms"]),
                    "max.message.bytes": topic.max_message_bytes,
                },
                "bindingVersion": _BINDING,
            }
        },
    }


def _operation_name(topic: Topic) -> str:
    if topic is POSTS:
        return "receivePosts"
    return f"send{topic.name.removeprefix(f'{POSTS.name}.').capitalize()}"


def _operation(topic: Topic) -> dict[str, Any]:
    channel = f"#/channels/{topic.name}"
    return {
        "action": "receive" if topic is POSTS else "send",
        "summary": topic.description,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{topic.message.__name__}"}],
    }


def _message(message: type[Post] | type[Decision] | type[DeadLetter] | type[Campaign]) -> dict[str, Any]:
    name = message.__name__
    described: dict[str, Any] = {"name": name, "title": name, "summary": (message.__doc__ or "").splitlines()[0]}
    if message is DeadLetter:
        described["contentType"] = "application/octet-stream"
        described["headers"] = {"$ref": "#/components/schemas/DeadLetterHeaders"}
        told = "The bytes that came, untouched; no value for a tombstone."
        described["payload"] = {"title": f"{name}Value", "description": told}
        key: dict[str, Any] = {"description": "The key that came, untouched."}
    else:
        described["payload"] = {"$ref": f"#/components/schemas/{name}"}
        whose = "campaign" if message is Campaign else "author"
        key = {"type": "string", "description": f"The {whose}'s id, in UTF-8."}
    described["bindings"] = {"kafka": {"key": key, "bindingVersion": _BINDING}}
    return described
