"""The operator's own certificate repository: chains under URLs whose content never changes (ATIS-1000080)."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from stir import limits
from stir.certificate import load_chain
from stir.errors import CertificateFormatError, StirError

DOCUMENTS: Final = 1_000
"""Most chain files served; an operator has a handful of providers, each with an old and a new certificate."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")

log = structlog.get_logger()


class RepositoryError(StirError):
    """The folder of chain files cannot be read, or a file in it is no chain."""

    code = "bad-repository"


@dataclass(frozen=True, slots=True)
class Document:
    """A chain file as it is served."""

    body: bytes = field(repr=False)

    @property
    def etag(self) -> str:
        """The entity tag of the content, with its quotation marks."""
        return f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'


class Repository:
    """
    Serves the chain files of one folder under their names.

    Verifiers keep what they found under a URL for a day and longer, so a name
    that has been served keeps its content: a renewed chain gets a new name.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._documents: Mapping[str, Document] = {}

    def load(self) -> None:
        """
        Read the folder, again if it was read before.

        Raises:
            RepositoryError: A file is no certificate chain, or has other content than was served under its name;
                nothing is changed then.
        """
        if self._folder is None:
            return
        found = _read(self._folder)
        for name, document in found.items():
            served = self._documents.get(name)
            if served is not None and served != document:
                raise RepositoryError(f"{name} has changed: verifiers still hold what was there; give it a new name")
        # What was taken away is served on: PASSporTs that name it may be fresh, and caches ask for it.
        self._documents = {**self._documents, **found}
        log.info("repository_read", documents=len(self._documents))

    async def reload(self) -> None:
        """Read the folder again; see :meth:`load`."""
        self.load()

    def get(self, name: str) -> Document | None:
        """Return what is served under *name*."""
        return self._documents.get(name)

    def __len__(self) -> int:
        """Return how many documents are served."""
        return len(self._documents)


def _read(folder: Path) -> dict[str, Document]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
        if len(paths) > DOCUMENTS:
            raise RepositoryError(f"{folder} holds over {DOCUMENTS} files")
        return {path.name: _document(path) for path in paths}
    except OSError as error:
        raise RepositoryError(f"{folder} cannot be read: {error.strerror}") from error


def _document(path: Path) -> Document:
    if not _NAME.fullmatch(path.name):
        raise RepositoryError(f"{path.name!r} is no name for a URL: letters, digits, dot, hyphen and underscore only")
    with path.open("rb") as file:
        body = file.read(limits.CHAIN_BYTES + 1)
    try:
        load_chain(body)
    except CertificateFormatError as error:
        raise RepositoryError(f"{path.name}: {error.detail}") from error
    if b"PRIVATE KEY" in body:
        raise RepositoryError(f"{path.name} holds a private key, which must not be published")
    return Document(body)
