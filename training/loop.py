"""The training loop, one page: draw, step, average, validate, save; and again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from petrography.accuracy import scores_of_present
from petrography.errors import ConfigurationError
from petrography.minerals import BACKGROUND_CODE
from training.batches import epoch_batches
from training.checkpoint import save_checkpoint
from training.config import config_text, read_config
from training.curves import draw_curves, write_history
from training.evaluation import EvaluatedModel, pooled_confusion
from training.losses import combined_loss
from training.memory import memory_told
from training.networks.build import geometry_for_small_fields, tile_geometry
from training.networks.checking import described_shape
from training.room import require_room, require_writable, writing_told
from training.run import Run, prepare_run, restore_run, run_folder
from training.starting import resumed_checkpoint
from training.step_lines import StepLines, tell_line
from training.torch_predictor import TorchPredictor

__all__ = ["LAST_CHECKPOINT", "averaged_model", "train"]

LAST_CHECKPOINT = "last.pt"
BEST_CHECKPOINT = "best.pt"


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
        Whether to show a progress bar; without it a line a minute goes to stderr.
    after_epoch : callable, optional
        Called with the number of every epoch once its checkpoint is on disk.

    Returns
    -------
    Path
        The last checkpoint. ``best.pt`` beside it has the best validation mean IoU. Both are
        written at the end of every epoch; TensorBoard logs, ``history.csv`` and ``curves.png``
        lie in the same folder.

    Raises
    ------
    ConfigurationError
        If configuration, data or checkpoint cannot be used, the folder of the run takes no files,
        a batch does not fit into memory, or the loss stops being finite.
    """
    run = _begun(config_text(config_path), str(config_path))
    folder = run_folder(run.config)
    # What an epoch logged that was not saved is hidden: it is done again.
    with SummaryWriter(str(folder / "tensorboard"), purge_step=run.epoch + 1) as log:
        while run.epoch < run.config.schedule.epochs:
            trained = _train_epoch(run, progress=progress)
            figures = _validate(run)
            _finish_epoch(run, {**trained, **figures})
            with writing_told(folder):
                _log(log, run.history[-1], run.epoch)
                _save(run, folder)
            tell_line(_epoch_line(run))
            if after_epoch is not None:
                after_epoch(run.epoch)
    return folder / LAST_CHECKPOINT


def _begun(text: str, source: str) -> Run:
    """Prepare a run, or bring it to where it stopped; what cannot end well is told now."""
    config = read_config(text, source=source)
    folder = run_folder(config)
    require_writable(folder)
    resumed = resumed_checkpoint(config, folder / LAST_CHECKPOINT)
    run = prepare_run(text, source=source, resumed=resumed)
    require_room(folder, run.network, (LAST_CHECKPOINT, BEST_CHECKPOINT))
    if resumed is not None:
        restore_run(run, folder / LAST_CHECKPOINT)
        with writing_told(folder):
            # A run that was killed after its checkpoint has not drawn its last epoch.
            _record(run, folder)
    return run


def _train_epoch(run: Run, *, progress: bool) -> dict[str, float]:
    config, total = run.config, 0.0
    steps = config.schedule.steps_per_epoch
    batches = _Awaited(
        epoch_batches(
            run.fields,
            run.sampler,
            steps=steps,
            classes=config.data.classes,
            config=config.sampler,
            augmentation=config.augmentation,
            channels=config.channels,
        )
    )
    run.network.train()
    title, started = f"epoch {run.epoch + 1}/{config.schedule.epochs}", time.perf_counter()
    shown = tqdm if progress else StepLines
    with shown(batches, total=steps, desc=title) as bar:
        for step, (image, target, annotated) in enumerate(bar, start=1):
            total += _train_step(run, image, target, annotated)
            bar.set_postfix(loss=f"{total / step:.3f}")
    seconds = time.perf_counter() - started
    return {
        "loss": total / steps,
        "seconds_per_step": seconds / steps,
        "waiting_fraction": batches.waited_s / seconds,
    }


class _Awaited:
    """Batches, and the time that was spent waiting for them."""

    def __init__(self, batches: Iterator[tuple[Tensor, Tensor, Tensor]]) -> None:
        self._batches, self.waited_s = batches, 0.0

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        while True:
            asked = time.perf_counter()
            batch = next(self._batches, None)
            self.waited_s += time.perf_counter() - asked
            if batch is None:
                return
            yield batch


def _train_step(run: Run, image: Tensor, target: Tensor, annotated: Tensor) -> float:
    sampler = run.config.sampler
    what = f"a batch of {sampler.batch} patches of {described_shape(sampler.patch_shape_px)} px"
    run.optimiser.zero_grad(set_to_none=True)
    # The first step of the optimiser takes twice the memory of the weights.
    with memory_told(what, run.device, "sampler.batch or sampler.patch_px"):
        loss = _loss(run, image, target, annotated)
        run.scaler.scale(loss).backward()
        run.scaler.unscale_(run.optimiser)
        clip_grad_norm_(run.network.parameters(), run.config.schedule.gradient_clip)
        run.scaler.step(run.optimiser)
        run.scaler.update()
    if isinstance(run.scheduler, LambdaLR):
        run.scheduler.step()
    _update_average(run.average, run.network, run.config.schedule.average, _step_number(run))
    return _finite(float(loss.detach()), run)


def _loss(run: Run, image: Tensor, target: Tensor, annotated: Tensor) -> Tensor:
    image, target, annotated = (
        tensor.to(run.device, non_blocking=True) for tensor in (image, target, annotated)
    )
    image = image.to(torch.float32, memory_format=torch.channels_last)
    with _precision(run):
        logits = run.network(image)
    background = run.config.data.classes.index(BACKGROUND_CODE)
    return combined_loss(
        logits, target, annotated, background_index=background, config=run.config.loss
    )


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


def averaged_model(run: Run) -> EvaluatedModel:
    """The averaged weights of a run, on tiles of the size that its validation images are cut to."""
    classes = run.config.data.classes

    def predictor_for(allowed: Sequence[int]) -> TorchPredictor:
        possible = tuple(code in allowed for code in classes)
        return TorchPredictor(run.average, possible, device=run.device)

    geometry = geometry_for_small_fields(
        tile_geometry(run.config.network, patch_px=max(run.config.sampler.patch_shape_px)),
        [(field.truth.shape[0], field.truth.shape[1]) for field in run.validation],
    )
    return EvaluatedModel(predictor_for, classes, geometry, channels=run.config.channels)


def _validate(run: Run) -> dict[str, float]:
    """Mean IoU and pixel accuracy on whole validation fields, the association of each given."""
    model = averaged_model(run)
    what = f"the validation, in tiles of {model.geometry.size_px} px,"
    with memory_told(what, run.device, "sampler.patch_px or data.resampling_factor"):
        confusion = pooled_confusion(
            run.validation, lambda field: model.predict(field, field.annotated), model.classes
        )
    # As on the card: a class that the validation images do not show has no part in the means.
    total = scores_of_present(confusion, model.classes)
    dice = [2.0 * iou / (1.0 + iou) for iou in total.iou.values()]
    return {
        "mean_iou": total.mean_iou,
        "mean_dice": sum(dice) / len(dice),
        "pixel_accuracy": total.pixel_accuracy,
    }


def _finish_epoch(run: Run, figures: Mapping[str, float]) -> None:
    run.epoch += 1
    if isinstance(run.scheduler, ReduceLROnPlateau):
        run.scheduler.step(figures["mean_iou"])
    entry = {
        "epoch": run.epoch,
        "learning_rate": run.optimiser.param_groups[0]["lr"],
        "sampler_balance": run.sampler.balance(),
        **figures,
    }
    run.history.append(entry)


def _epoch_line(run: Run) -> str:
    entry = run.history[-1]
    return (
        f"epoch {run.epoch}/{run.config.schedule.epochs}: loss {entry['loss']:.3f}, "
        f"validation mean IoU {entry['mean_iou']:.3f}, "
        f"pixel accuracy {entry['pixel_accuracy']:.3f}, "
        f"{entry['seconds_per_step']:.2f} s a step"
    )


def _log(log: SummaryWriter, entry: Mapping[str, Any], epoch: int) -> None:
    for name, value in entry.items():
        if name != "epoch":
            log.add_scalar(name, value, epoch)
    log.flush()


def _save(run: Run, folder: Path) -> None:
    score = run.history[-1]["mean_iou"]
    better = score > run.best_score
    run.best_score = max(run.best_score, score)
    checkpoint = run.checkpoint()
    # The best one first: a run that ends between the two does this epoch again and finds it better
    # still, where one that kept the new score alone would never write it.
    if better:
        save_checkpoint(checkpoint, folder / BEST_CHECKPOINT)
    save_checkpoint(checkpoint, folder / LAST_CHECKPOINT)
    _record(run, folder)


def _record(run: Run, folder: Path) -> None:
    draw_curves(run.history, folder / "curves.png")
    write_history(run.history, folder / "history.csv")
