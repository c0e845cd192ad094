"""Swagger UI, which the page ``/docs`` runs: the two files of its distribution that are needed.

They come from the installed package mkdocs-swagger-ui-tag, which carries them unchanged. Nothing of
it is imported. It was chosen because it needs only two small packages: the other maintained ones
need Django or Flask. Swagger UI was chosen because it runs under the policy of ``files.py``, while
Scalar sets inline styles.
"""

from importlib.util import find_spec
from pathlib import Path

PACKAGE = "mkdocs_swagger_ui_tag"
FILES = ("swagger-ui-bundle.js", "swagger-ui.css")


def files() -> list[Path]:
    """Return the paths of the two files.

    Raises:
        FileNotFoundError: the package is not installed, or this release of it lacks the files.

    """
    spec = find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    found = [path for folder in folders or () for name in FILES for path in Path(folder).rglob(name)]
    if sorted(path.name for path in found) != sorted(FILES):
        raise FileNotFoundError(f"not in the package {PACKAGE}: {', '.join(FILES)}")
    return found
