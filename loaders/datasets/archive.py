"""Official archives: looked for in the folder of raw data, downloaded where they aren't, checked by MD5."""

from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from loaders.errors import DataError

FAILURES = (OSError, RuntimeError, EOFError, HTTPException)  # of a download, and of its check


@dataclass(frozen=True)
class Archive:
    """An official file: its place below `data.root`, the address that has it, and its MD5."""

    file: str
    url: str
    md5: str

    def checked(self, name: str, root: Path) -> Path:
        """Find the whole file, for the set of that name; DataError where it can't be had."""
        from torchvision.datasets.utils import download_url

        path = root / self.file
        try:
            download_url(self.url, path.parent, path.name, self.md5)  # nothing to do where it is there
        except FAILURES as error:
            raise DataError(
                f"data.name={name}: {path} is missing or corrupt, and can't be downloaded ({error}); "
                f"put {self.file} into {root}, or name its folder with data.root"
            ) from None
        return path
