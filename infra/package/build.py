"""Has Chalice build its zips, and puts better ones in their place."""

from __future__ import annotations

import compileall
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chalicelib.aws import SERVICES
from infra.package.zips import is_optimised, optimise, unpacked_bytes

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Built:
    """One zip: its size and that of its content, now and as Chalice built it (None: not built)."""

    path: Path
    zip_bytes: int
    content_bytes: int
    before: tuple[int, int] | None


def build(stage: str, root: Path = ROOT, *, keep: Path | None = None) -> list[Built]:
    """Build the zips that `chalice deploy --stage …` uploads: the layer and the app.

    What is there already, from the same source by the same Python, is left as it is. The stage must
    be rendered. With `keep`, all is built anew, and what Chalice built is kept in that folder.
    """
    _steady(root / "chalicelib")
    config = _config(stage, root)
    python: str = config.lambda_python_version
    return [_built(packager, root, python, keep) for packager in _packagers(config)]


def told(built: Built) -> str:
    """Return a line about a zip."""
    kind = "layer" if "layer" in built.path.name else "app"
    now = f"{kind}: {_mb(built.zip_bytes)}, unpacked {_mb(built.content_bytes)}"
    if built.before is None:
        return f"{now}, as it was"
    return f"{now}; by Chalice {_mb(built.before[0])}, unpacked {_mb(built.before[1])}"


def _built(packager: Any, root: Path, python: str, keep: Path | None) -> Built:
    path = Path(packager.deployment_package_filename(str(root), python))
    before = None
    if path.exists() and (keep or not is_optimised(path, SERVICES)):
        path.unlink()
    if not path.exists():
        packager.create_deployment_package(str(root), python)
        before = (path.stat().st_size, unpacked_bytes(path))
        if keep is not None:
            shutil.copy(path, keep)
        where = "/opt" if "layer" in path.name else "/var/task"
        optimise(path, SERVICES, where)
    return Built(path, path.stat().st_size, unpacked_bytes(path), before)


def _steady(folder: Path) -> None:
    """Make the byte-code beside the sources what it will stay.

    Chalice puts it into the name of the zip: a module imported for the first time between now and
    the upload would make it another name, under which nothing has been built.
    """
    for cache in list(folder.rglob("__pycache__")):
        shutil.rmtree(cache, ignore_errors=True)
    if not sys.dont_write_bytecode:
        compileall.compile_dir(folder, quiet=2)


def _config(stage: str, root: Path) -> Any:
    from chalice.cli.factory import CLIFactory

    return CLIFactory(str(root), environ=os.environ).create_config_obj(stage)


def _packagers(config: Any) -> list[Any]:
    """Return Chalice's packagers, as `chalice deploy` makes them."""
    from chalice.deploy.packager import (
        AppOnlyDeploymentPackager,
        DependencyBuilder,
        LayerDeploymentPackager,
        PipRunner,
        SubprocessPip,
    )
    from chalice.utils import UI, OSUtils

    files, architecture = OSUtils(), config.lambda_architecture
    pip = PipRunner(pip=SubprocessPip(osutils=files), osutils=files)
    wheels = DependencyBuilder(osutils=files, pip_runner=pip, architecture=architecture)
    return [
        kind(osutils=files, dependency_builder=wheels, ui=UI(), architecture=architecture)
        for kind in (LayerDeploymentPackager, AppOnlyDeploymentPackager)
    ]


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"
