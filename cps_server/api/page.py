"""The API's description as one HTML page: no script, nothing from elsewhere."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Mapping
from html import escape
from typing import Any, Final

STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --dim: #777; --mark: #0a6f5c; }
@media (prefers-color-scheme: dark) { :root { --dim: #999; --mark: #4fc3a8; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 3rem; } h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
code, pre { font: .9em ui-monospace, monospace; }
section { border: 1px solid var(--line); border-radius: .5rem; padding: 0 1.25rem 1.25rem; margin: 1.5rem 0; }
section > h2 { margin: 1rem 0 .25rem; font-size: 1.1rem; overflow-wrap: anywhere; }
.method { color: var(--mark); } .dim { color: var(--dim); } .wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid var(--line); padding: .35rem .75rem .35rem 0; text-align: left; vertical-align: top; }
td:first-child { white-space: nowrap; }
"""

_HASH: Final = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a browser may do with the page: show it."""


def render(document: Mapping[str, Any]) -> str:
    """Return the page for an OpenAPI *document*."""
    info = document["info"]
    operations = [
        _operation(path, method, found)
        for path, methods in document["paths"].items()
        for method, found in methods.items()
    ]
    schemas = [_schema(name, schema) for name, schema in document["components"]["schemas"].items()]
    schemes = document["components"]["securitySchemes"].values()
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(info['title'])}</title><style>{STYLE}</style></head><body>",
            f'<h1>{escape(info["title"])} <span class="dim">{escape(info["version"])}</span></h1>',
            f"<p>{escape(info['summary'])}<br>{escape(info['description'])}</p>",
            *(f"<p>Token: {escape(scheme['description'])}</p>" for scheme in schemes),
            '<p><a href="openapi.json">openapi.json</a></p>',
            *operations,
            "<h2>Bodies</h2>",
            *schemas,
            "</body></html>\n",
        ]
    )


def _operation(path: str, method: str, found: Mapping[str, Any]) -> str:
    parts = [
        f'<section id="{escape(found["operationId"])}">',
        f'<h2><span class="method">{escape(method.upper())}</span> <code>{escape(path)}</code></h2>',
        f"<p>{escape(found['summary'])}. {escape(found['description'])}",
        ' <span class="dim">Needs a token.</span></p>' if "security" in found else "</p>",
    ]
    if "parameters" in found:
        rows = [(f"<code>{escape(one['name'])}</code>", escape(one["description"])) for one in found["parameters"]]
        parts += ["<h3>Path</h3>", _table(rows)]
    if "requestBody" in found:
        parts += ["<h3>Body</h3><p>", _contents(found["requestBody"]["content"]), "</p>"]
    answers = [
        (f"<b>{escape(status)}</b>", f"{escape(answer['description'])} {_contents(answer['content'])}")
        for status, answer in found["responses"].items()
    ]
    return "".join([*parts, "<h3>Answers</h3>", _table(answers), "</section>"])


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    needed = schema.get("required", [])
    rows = [
        (
            f"<code>{escape(member)}</code>{'' if member in needed else ' <span class=dim>optional</span>'}",
            f'{escape(found.get("description", ""))} <code class="dim">{escape(_type(found))}</code>',
        )
        for member, found in schema["properties"].items()
    ]
    head = f'<section id="{escape(name)}"><h2>{escape(name)}</h2><p>{escape(schema.get("description", ""))}</p>'
    return f"{head}{_table(rows)}</section>"


def _type(schema: Mapping[str, Any]) -> str:
    """Return what the schema says beside its words."""
    return json.dumps({key: value for key, value in schema.items() if key not in {"description", "title", "default"}})


def _contents(contents: Mapping[str, Any]) -> str:
    return " ".join(f'{_link(one["schema"])} <code class="dim">{escape(kind)}</code>' for kind, one in contents.items())


def _link(schema: Mapping[str, Any]) -> str:
    name = escape(schema.get("$ref", "").rpartition("/")[2])
    return f'<a href="#{name}">{name}</a>' if name else ""


def _table(rows: list[tuple[str, str]]) -> str:
    """Return a table of *rows*, which are HTML already."""
    lines = "".join(f"<tr><td>{left}</td><td>{right}</td></tr>" for left, right in rows)
    return f'<div class="wide"><table>{lines}</table></div>'
