"""The token, versions with holes, and what is refused before Ray starts."""

import os
from pathlib import Path

import pytest

from randteach.environment import security
from randteach.errors import UserError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_the_token_is_made_once_for_its_owner_alone(home: Path) -> None:
    path = security.ensure_token()
    token = path.read_text()
    assert path == home / ".ray" / "auth_token" and len(bytes.fromhex(token)) == 32
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    assert security.ensure_token().read_text() == token
    security.check_token()


def test_a_token_that_others_can_read_is_told_and_closed(home: Path) -> None:
    path = security.ensure_token()
    path.chmod(0o644)  # as Ray before 2.60.1 makes it
    with pytest.raises(UserError, match=r"others can read the token \(mode 644\); run: chmod 600"):
        security.check_token()
    security.ensure_token()
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_token_and_an_empty_one(home: Path) -> None:
    with pytest.raises(UserError, match=r"auth_token: no token for Ray .*`randteach token` makes one"):
        security.check_token()
    security.ensure_token().write_text("\n")
    with pytest.raises(UserError, match="is empty; delete it"):
        security.ensure_token()


def test_the_token_of_another_place(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(home / "secret"))
    assert security.ensure_token() == home / "secret" and not (home / ".ray").exists()


def test_ray_without_authentication_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(UserError, match=r"RAY_AUTH_MODE=disabled: .* all interfaces .*--local"):
        security.check()
    monkeypatch.delenv("RAY_AUTH_MODE")
    security.check()
    assert os.environ["RAY_AUTH_MODE"] == "token"


@pytest.mark.parametrize(
    ("name", "found", "well"),
    [
        ("ray", "2.51.9", False),
        ("ray", "2.52.0", True),
        ("ray", "2.100.0", True),
        ("mlflow", "3.4.0", False),
        ("mlflow", "3.5.0rc1", False),
        ("torch", "2.5.1+cu121", False),
        ("torch", "2.6.0+cu130", True),
    ],
)
def test_versions_with_known_holes(
    monkeypatch: pytest.MonkeyPatch, name: str, found: str, well: bool
) -> None:
    real = security.version
    monkeypatch.setattr(security, "version", lambda package: found if package == name else real(package))
    if well:
        security.check()
    else:
        with pytest.raises(UserError, match=rf"{name} .*: has known holes; .* or newer is needed"):
            security.check()
