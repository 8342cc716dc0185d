from __future__ import annotations

import pytest

from tests.training.lumenstone_folder import LEAST_HALO_TILE_PX, config_toml, paint_folder


@pytest.fixture(scope="session")
def painted_folder(tmp_path_factory):
    """Images and masks in the LumenStone layout."""
    return paint_folder(tmp_path_factory.mktemp("lumenstone"))


@pytest.fixture(scope="session", params=["resunet", "pspnet"])
def checkpoint(request, tmp_path_factory, painted_folder):
    """A checkpoint of a run of a few steps, of each architecture."""
    pytest.importorskip("torch", reason="needs the train extra")
    from training.loop import train

    folder = tmp_path_factory.mktemp(request.param)
    config = folder / "run.toml"
    config.write_text(
        config_toml(painted_folder, folder / "runs", architecture=request.param, epochs=1)
    )
    return train(config, progress=False)


@pytest.fixture(scope="session")
def published(checkpoint, tmp_path_factory):
    """The checkpoint as a published model."""
    from export.checkpoint_export import export_checkpoint
    from training.checkpoint import load_checkpoint

    cut = load_checkpoint(checkpoint).config.network.architecture == "resunet"
    tile_px = LEAST_HALO_TILE_PX if cut else None
    return export_checkpoint(checkpoint, tmp_path_factory.mktemp("models"), tile_px=tile_px)
