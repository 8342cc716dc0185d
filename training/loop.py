"""The training loop, one page: draw, step, average, validate, save; and again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from petrography.accuracy import scores
from petrography.errors import ConfigurationError
from petrography.minerals import BACKGROUND_CODE
from training.batches import epoch_batches
from training.checkpoint import save_checkpoint
from training.evaluation import EvaluatedModel, pooled_confusion
from training.losses import partial_cross_entropy
from training.networks.build import tile_geometry
from training.run import Run, prepare_run, restore_run, run_folder
from training.torch_predictor import TorchPredictor

__all__ = ["LAST_CHECKPOINT", "train"]

LAST_CHECKPOINT = "last.pt"


def train(
    config_path: Path,
    *,
    progress: bool = True,
    after_epoch: Callable[[int], None] | None = None,
) -> Path:
    """Train the network of a TOML file; goes on where an earlier call was interrupted.

    Parameters
    ----------
    config_path : Path
        The run's TOML (`training.config.TrainingConfig`).
    progress : bool
        Whether to show a progress bar.
    after_epoch : callable, optional
        Called with the number of every epoch once its checkpoint is on disk.

    Returns
    -------
    Path
        The last checkpoint. ``best.pt`` beside it has the best validation mean IoU. Both are
        written at the end of every epoch; TensorBoard logs lie in the same folder.

    Raises
    ------
    ConfigurationError
        If configuration, data or checkpoint cannot be used, or the loss stops being finite.
    """
    run = prepare_run(config_path.read_text(encoding="utf-8"), source=str(config_path))
    folder = run_folder(run.config)
    if (folder / LAST_CHECKPOINT).exists():
        restore_run(run, folder / LAST_CHECKPOINT)
    with SummaryWriter(str(folder / "tensorboard")) as log:
        while run.epoch < run.config.schedule.epochs:
            loss = _train_epoch(run, progress=progress)
            figures = _validate(run)
            _finish_epoch(run, loss, figures)
            _log(log, run.history[-1], run.epoch)
            _save(run, folder, figures)
            if after_epoch is not None:
                after_epoch(run.epoch)
    return folder / LAST_CHECKPOINT


def _train_epoch(run: Run, *, progress: bool) -> float:
    config, total = run.config, 0.0
    steps = config.schedule.steps_per_epoch
    batches = epoch_batches(
        run.fields,
        run.sampler,
        steps=steps,
        classes=config.data.classes,
        config=config.sampler,
        augmentation=config.augmentation,
    )
    run.network.train()
    title = f"epoch {run.epoch + 1}/{config.schedule.epochs}"
    with tqdm(batches, total=steps, desc=title, disable=not progress) as bar:
        for step, (image, target, annotated) in enumerate(bar, start=1):
            total += _train_step(run, image, target, annotated)
            bar.set_postfix(loss=f"{total / step:.3f}")
    return total / steps


def _train_step(run: Run, image: Tensor, target: Tensor, annotated: Tensor) -> float:
    image, target, annotated = (
        tensor.to(run.device, non_blocking=True) for tensor in (image, target, annotated)
    )
    image = image.to(torch.float32, memory_format=torch.channels_last)
    with _precision(run):
        logits = run.network(image)
    background = run.config.data.classes.index(BACKGROUND_CODE)
    loss = partial_cross_entropy(logits, target, annotated, background_index=background)
    run.optimiser.zero_grad(set_to_none=True)
    run.scaler.scale(loss).backward()
    run.scaler.unscale_(run.optimiser)
    clip_grad_norm_(run.network.parameters(), run.config.schedule.gradient_clip)
    run.scaler.step(run.optimiser)
    run.scaler.update()
    if isinstance(run.scheduler, LambdaLR):
        run.scheduler.step()
    _update_average(run.average, run.network, run.config.schedule.average, _step_number(run))
    return _finite(float(loss.detach()), run)


def _precision(run: Run) -> torch.autocast:
    kind = torch.float16 if run.device.type == "cuda" else torch.bfloat16
    return torch.autocast(run.device.type, kind, enabled=run.config.schedule.mixed_precision)


def _step_number(run: Run) -> int:
    return run.sampler.state.drawn // run.config.sampler.batch


@torch.no_grad()
def _update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    # A short memory at first, so that the random start is soon forgotten.
    decay = min(decay, step / (step + 10))
    source = network.state_dict()
    for name, value in average.state_dict().items():
        if value.dtype.is_floating_point:
            value.lerp_(source[name].to(value.dtype), 1.0 - decay)
        else:
            value.copy_(source[name])


def _finite(loss: float, run: Run) -> float:
    if math.isfinite(loss):
        return loss
    msg = f"loss is {loss} in epoch {run.epoch + 1}; lower learning_rate or switch mixed_precision off"
    raise ConfigurationError(msg)


def _validate(run: Run) -> dict[str, float]:
    """Mean IoU and pixel accuracy on whole validation fields, the association of each given."""
    classes = run.config.data.classes

    def predictor_for(allowed: Sequence[int]) -> TorchPredictor:
        possible = tuple(code in allowed for code in classes)
        return TorchPredictor(run.average, possible, device=run.device)

    geometry = tile_geometry(run.config.network, patch_px=run.config.sampler.patch_px)
    model = EvaluatedModel(predictor_for, classes, geometry)
    confusion = pooled_confusion(
        run.validation, lambda field: model.predict(field, field.annotated), classes
    )
    total = scores(confusion, classes)
    return {"mean_iou": total.mean_iou, "pixel_accuracy": total.pixel_accuracy}


def _finish_epoch(run: Run, loss: float, figures: Mapping[str, Any]) -> None:
    run.epoch += 1
    if isinstance(run.scheduler, ReduceLROnPlateau):
        run.scheduler.step(figures["mean_iou"])
    entry = {
        "epoch": run.epoch,
        "loss": loss,
        "learning_rate": run.optimiser.param_groups[0]["lr"],
        "sampler_balance": run.sampler.balance(),
        **figures,
    }
    run.history.append(entry)


def _log(log: SummaryWriter, entry: Mapping[str, Any], epoch: int) -> None:
    for name, value in entry.items():
        if name != "epoch":
            log.add_scalar(name, value, epoch)
    log.flush()


def _save(run: Run, folder: Path, figures: Mapping[str, Any]) -> None:
    better = figures["mean_iou"] > run.best_score
    run.best_score = max(run.best_score, figures["mean_iou"])
    checkpoint = run.checkpoint()
    save_checkpoint(checkpoint, folder / LAST_CHECKPOINT)
    if better:
        save_checkpoint(checkpoint, folder / "best.pt")
