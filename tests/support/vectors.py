"""Where the published certificates and tokens are that other people made; they are read, never copied."""

import os
from pathlib import Path

import pytest

VECTORS = Path(os.environ.get("STIR_VECTORS", Path(__file__).resolve().parents[3] / "shared" / "vectors"))
"""Folder with manifest.json, passports.json, extension-vectors.json and certs/."""

needs_vectors = pytest.mark.skipif(not VECTORS.is_dir(), reason="set STIR_VECTORS to the folder of published vectors")
"""Mark for tests that read :data:`VECTORS`."""
