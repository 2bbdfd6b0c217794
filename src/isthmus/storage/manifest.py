"""A manifest: the JSON file that says what a folder holds, with checksums that reveal any damage.

    {"format": "isthmus model", "format_version": 2, "library_version": "0.1.0",
     "record": {…},                              a record, see `isthmus.storage.record`
     "files": {"model.safetensors": "9f86d0…"},  SHA-256 of the files that belong to it
     "sha256": "2c26b4…"}                        of all the above, whatever the order of keys and the white space

Nothing in it depends on the clock. Files of the first format had the record's keys at the top level and other names for
the checksums; they can still be read.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isthmus import __version__
from isthmus.storage.record import from_plain, to_plain
from isthmus.storage.safe_reading import StorageError, checksum, open_regular_file, parse_object, shortened

__all__ = ["FORMAT_VERSION", "Manifest", "manifest_bytes", "read_manifest"]

FORMAT_VERSION = 2
MAX_BYTES = 16 << 20
UNVERSIONED = ("isthmus denoiser", "isthmus run", "isthmus unfinished fit")  # whose first files had no version
FIRST_OWN, FIRST_FILES = ("config_sha256", "facts_sha256"), ("tensors_sha256", "arrays_sha256")


@dataclass(frozen=True)
class Manifest:
    """The contents of the file; in the first format ``files`` has the only checksum under the key ``""``."""

    format: str
    format_version: int
    library_version: str
    record: dict[str, Any]
    files: dict[str, str]
    sha256: str


def manifest_bytes(format: str, record: Any, files: Mapping[str, bytes] | None = None) -> bytes:
    """The manifest of a record and its files; a `ValueError` if it could not be read again."""
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in (files or {}).items()}
    manifest = Manifest(format, FORMAT_VERSION, __version__, to_plain(record), hashes, "")
    facts = {name: value for name, value in dataclasses.asdict(manifest).items() if name != "sha256"}
    text = json.dumps(facts | {"sha256": checksum(facts)}, indent=1, ensure_ascii=False)
    data = text.encode("utf-8", "backslashreplace")  # a lone surrogate, as in a path, becomes JSON's own escape
    if len(data) > MAX_BYTES:
        raise ValueError(
            f"its description would have {len(data):,} bytes, and at most {MAX_BYTES:,} are allowed; give the columns "
            "shorter names"
        )
    parse_object(data, "the description")
    return data


def read_manifest(folder: Path, name: str, formats: Collection[str]) -> Manifest:
    """Read and check the manifest ``folder/name`` of one of these formats.

    Raises
    ------
    StorageError
        If it is missing, another program's, or of a later version.
    ValueError
        If it is damaged; a short clause.
    """
    with open_regular_file(folder, name) as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"{name} is longer than {MAX_BYTES:,} bytes")
    facts = parse_object(data, name)
    if facts.get("format") not in tuple(formats):
        found = facts.get("format")
        if isinstance(found, str) and found.startswith("isthmus "):
            raise StorageError(f"{str(folder)!r} holds an {found[:60]!r}, not {' or '.join(formats)!r}.")
        raise StorageError(f"{str(folder)!r} is not a folder that isthmus saved: its {name} is another program's.")
    version = facts.get("format_version", 1 if facts["format"] in UNVERSIONED else None)
    if type(version) is not int or version < 1:
        raise ValueError(f"format_version in {name} must be a whole number of at least 1, got {shortened(version)}")
    if version > FORMAT_VERSION:
        raise StorageError(
            f"{str(folder)!r} is in format {version}, of isthmus {shortened(facts.get('library_version'))}, and "
            f"this isthmus {__version__} reads formats up to {FORMAT_VERSION}; update isthmus."
        )
    if version == 1:
        return _first(facts, name)
    try:
        manifest = from_plain(Manifest, facts)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    _require_checksum(facts, manifest.sha256, "sha256", name)
    return manifest


def _first(facts: dict[str, Any], name: str) -> Manifest:
    own = next((key for key in FIRST_OWN if key in facts), None)
    if own is not None:
        _require_checksum(facts, facts[own], own, name)
    elif "format_version" in facts:  # every file with a version had a checksum
        raise ValueError(f"{name} lacks its checksum")
    file = next((facts[key] for key in FIRST_FILES if key in facts), None)
    envelope = ("format", "format_version", "library_version", *FIRST_OWN, *FIRST_FILES)
    record = {key: value for key, value in facts.items() if key not in envelope}
    return Manifest(facts["format"], 1, str(facts.get("library_version")), record, {"": str(file)}, "")


def _require_checksum(facts: Mapping[str, Any], stored: Any, key: str, name: str) -> None:
    if stored != checksum({entry: value for entry, value in facts.items() if entry != key}):
        raise ValueError(f"{name} is not as it was saved (its checksum differs)")
