"""The rules engine: a process of its own that holds the compiled rules and checks one document at a time.

    python -m worker.adapters.rules.engine PARENT

Apart from the worker because a crash of the engine (a native library with its own heap) must not take the worker
along, and because a document that takes too long can only be stopped by ending the process. It talks over its standard
streams: frames of a four-byte length and that many bytes. A request is a JSON frame, for a check followed by a frame
with the document; the answer is one JSON frame. It ends when its input does.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import struct
import sys
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from worker.adapters.rules.folder import RulesKind, verified
from worker.model.ehf import NAMESPACES, etree
from worker.model.findings import GAVE_UP
from worker.ports import RulesUnavailable

MOST_FINDINGS: Final = 200
LONGEST_TEXT: Final = 300
LONGEST_LOCATION: Final = 200
_SVRL: Final = "{http://purl.oclc.org/dsdl/svrl}"
_MILD: Final = frozenset({"warning", "information", "info"})
_PR_SET_PDEATHSIG: Final = 1
# XPaths of two Schematron compilers: /Q{urn:…}Invoice[1]/… and /*:Invoice[namespace-uri()='urn:…'][1]/…
_NAMESPACE_IN_PATH: Final = re.compile(r"Q\{[^}]*\}|\*:|\[namespace-uri\(\)='[^']*'\]")
_NAMESPACE_IN_MESSAGE: Final = re.compile(r"\{[^{}\s]*\}")
_VALUE_IN_MESSAGE: Final = re.compile(
    r"(: |[Tt]he value |[Kk]ey-sequence )(?:'.*'|\[.*\])(?= (?:is not|has|does not|of the))", re.DOTALL
)

Answer = dict[str, Any]


@dataclass(slots=True)
class _Loaded:
    """One version of one set, ready: a schema or a stylesheet by kind of document."""

    name: str
    kind: RulesKind
    ready: dict[str, Any] = field(default_factory=dict)


class Engine:
    """Everything the process knows. Not for threads: the XSLT engine is used by one alone."""

    def __init__(self) -> None:
        self._loaded: dict[str, _Loaded] = {}
        self._saxon: Any = None

    def load(self, request: Answer) -> Answer:
        """Compiles one version of one set from files that are what the manifest says."""
        try:
            contents = {
                path: verified(Path(request["root"]), path, sha256) for path, sha256 in request["sha256"].items()
            }
            loaded = _Loaded(request["name"], RulesKind(request["kind"]))
            compiled: dict[str, Any] = {}
            for document, path in request["files"].items():
                if path not in compiled:
                    make = _schema if loaded.kind is RulesKind.XSD else self._stylesheet
                    compiled[path] = make(path, contents)
                loaded.ready[document] = compiled[path]
        except RulesUnavailable as error:
            return {"error": str(error)}
        self._loaded[request["id"]] = loaded
        return {}

    def check(self, request: Answer, content: bytes) -> Answer:
        """What the sets named say of the document. What breaks the schema is not looked at further."""
        findings: list[Answer] = []
        node: Any = None
        for name in request["sets"]:
            loaded = self._loaded[name]
            rules = loaded.ready[request["kind"]]
            if loaded.kind is RulesKind.XSD:
                if found := _schema_findings(rules, content):
                    return _answer(found)
                continue
            try:
                if node is None:
                    node = self._processor().parse_xml(xml_text=content.decode("utf-8"))
                output = rules.transform_to_string(xdm_node=node)
            except Exception:  # noqa: BLE001 - its words may quote the document and carry no code: they stay here
                text = f"{name}: the rules broke off on this document"
                return _answer([*findings, {"rule_id": GAVE_UP, "fatal": True, "location": "/", "text": text}])
            found = _svrl_findings(output)
            if found is None:
                return {"error": f"{name}: not a single rule of it applies to this kind of document"}
            findings += found
        return _answer(findings)

    def _processor(self) -> Any:
        if self._saxon is None:
            try:
                saxonche: Any = import_module("saxonche")
            except ImportError:
                raise RulesUnavailable(NOT_INSTALLED) from None
            self._saxon = saxonche.PySaxonProcessor(license=False)
            # No rule and no document makes it open a file or an address.
            self._saxon.set_configuration_property("http://saxon.sf.net/feature/allowedProtocols", "")
        return self._saxon

    def _stylesheet(self, path: str, contents: dict[str, bytes]) -> Any:
        try:
            # As text: with every protocol forbidden it could not open the file. A declaration would name an encoding.
            text = etree.tostring(_tree(path, contents[path]), encoding="unicode")
            return self._processor().new_xslt30_processor().compile_stylesheet(stylesheet_text=text)
        except RulesUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a third party's file does to its compiler
            raise RulesUnavailable(f"{path}: cannot be compiled ({type(error).__name__})") from None


NOT_INSTALLED: Final = (
    "the rules engine is not installed: pip install 'factoring-worker[rules]' (in a checkout: uv sync --extra rules)"
)


class _Listed(etree.Resolver):
    """Gives a schema the files of the manifest, as verified, and nothing else."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        super().__init__()
        self._contents = contents
        self.missing = ""

    def resolve(self, system_url: str, public_id: str, context: Any) -> Any:
        content = self._contents.get(system_url.removeprefix("rules:///"))
        if content is None:
            self.missing = system_url.removeprefix("rules:///")
            return self.resolve_empty(context)
        return self.resolve_string(content, context, base_url=system_url)


def _tree(path: str, content: bytes, resolver: _Listed | None = None) -> Any:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    if resolver:
        parser.resolvers.add(resolver)
    try:
        return etree.fromstring(content, parser, base_url=f"rules:///{path}").getroottree()
    except etree.XMLSyntaxError:
        raise RulesUnavailable(f"{path}: not XML") from None


def _schema(path: str, contents: dict[str, bytes]) -> Any:
    listed = _Listed(contents)
    tree = _tree(path, contents[path], listed)
    try:
        schema = etree.XMLSchema(tree)
    except etree.XMLSchemaParseError:
        schema = None
    if listed.missing:
        raise RulesUnavailable(f"{path}: includes {listed.missing}, which the manifest does not list")
    if schema is None:
        raise RulesUnavailable(f"{path}: cannot be compiled")
    return schema


def _schema_findings(schema: Any, content: bytes) -> list[Answer]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    if schema.validate(etree.fromstring(content, parser)):
        return []
    return [
        {
            "rule_id": f"XSD-{error.type_name.removeprefix('SCHEMAV_')}",
            "fatal": True,
            "location": (error.path or "/")[:LONGEST_LOCATION],
            "text": _cut(_NAMESPACE_IN_MESSAGE.sub("", _VALUE_IN_MESSAGE.sub(r"\1'…'", error.message))),
        }
        for error in schema.error_log
    ]


def _svrl_findings(output: str) -> list[Answer] | None:
    """None when no rule has been tried at all: a stylesheet for something else must not count as a pass."""
    report = etree.fromstring(output.encode("utf-8"), etree.XMLParser(resolve_entities=False, huge_tree=True))
    if report.find(f"{_SVRL}fired-rule") is None:
        return None
    return [
        {
            "rule_id": found.get("id") or "without id",
            "fatal": (found.get("flag") or found.get("role") or "").lower() not in _MILD,
            "location": _shortened(found.get("location") or "/"),
            "text": _cut("".join(text.itertext()) if (text := found.find(f"{_SVRL}text")) is not None else ""),
        }
        for found in report.iter(f"{_SVRL}failed-assert", f"{_SVRL}successful-report")
    ]


def _shortened(location: str) -> str:
    path = _NAMESPACE_IN_PATH.sub("", location)
    for prefix in NAMESPACES:
        path = path.replace(f"/{prefix}:", "/")
    return path[-LONGEST_LOCATION:]


def _cut(text: str) -> str:
    return " ".join(text.split())[:LONGEST_TEXT]


def _answer(findings: list[Answer]) -> Answer:
    ordered = sorted(findings, key=lambda finding: not finding["fatal"])
    return {"findings": ordered[:MOST_FINDINGS], "left_off": max(0, len(ordered) - MOST_FINDINGS)}


def memory_mb() -> int:
    """Memory in use now; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000


def _frame(stream: BinaryIO) -> bytes | None:
    head = stream.read(4)
    if len(head) < 4:
        return None
    length = struct.unpack(">I", head)[0]
    content = stream.read(length)
    return content if len(content) == length else None


def _die_with_parent(parent: int) -> None:
    """The end of input is seen between documents only; in the middle of one, the system has to see to it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit


def main() -> None:
    """Serves until the input ends."""
    _die_with_parent(int(sys.argv[1]))
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between our frames
    engine = Engine()
    while (head := _frame(requests)) is not None:
        request = orjson.loads(head)
        if request["do"] == "load":
            answer = engine.load(request)
        else:
            content = _frame(requests)
            if content is None:
                return
            answer = engine.check(request, content)
        reply = orjson.dumps({**answer, "memory_mb": memory_mb()})
        answers.write(struct.pack(">I", len(reply)) + reply)
        answers.flush()


if __name__ == "__main__":
    main()
