"""From what was seen and measured to the content of result.json."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from petrography.calibration import InputQuality, colour_distance
from petrography.image_codec import Encoded
from petrography.images import clipped_fraction, resampled_shape
from petrography.minerals import BACKGROUND_CODE, association_codes, mineral
from petrography.model_card import Evaluation, ModelCard, sha256_hex
from petrography.pipeline.circumstances import Circumstances
from petrography.pipeline.map_files import overlay_reduction
from petrography.pipeline.measurement import Measured
from petrography.pipeline.request import AnalysisRequest
from petrography.pipeline.seeing import Seen
from petrography.pipeline.turning import phase_anisotropy
from petrography.pipeline.wanted_files import without_png
from petrography.report import (
    UNSCALED,
    ModalUncertainty,
    ModelReference,
    PhaseAnisotropy,
    Quality,
    Result,
    Sample,
    Uncertainty,
    contact_definitions,
    contact_entry,
    definitions,
    grain_entries,
    liberation_entry,
    modal_basis,
    modal_correction,
    modal_entries,
    modal_uncertainty,
    not_found,
    rough_coverage,
    rounded_element_intervals,
    rounded_elements,
    texture_definitions,
    texture_entry,
    uncorrected_edges,
    undrawn_grains,
)
from petrography.statistics import (
    Composition,
    MapErrors,
    held_out_confusion,
    map_errors,
    summarise_grains,
)

__all__ = ["provenance_of", "recorded"]

# Chosen on the LumenStone training images, see docs/decisions/0004-colour-warning.md.
_COLOUR_WARNING_DISTANCE = 9.0


def recorded(
    analysis_id: str,
    card: ModelCard,
    request: AnalysisRequest,
    seen: Seen,
    measured: Measured,
    provenance: dict[str, JsonValue],
) -> Result:
    """Write the result of an analysis, still without timings and artefacts."""
    um_per_px = None if seen.scale is None else seen.scale.um_per_px
    composition = measured.composition
    errors = _map_errors(composition, card, seen)
    uncertainties = _uncertainties(composition, errors, request, um_per_px)
    contacts = contact_entry(measured.contacts, um_per_px=um_per_px)
    liberation = liberation_entry(measured.textures, um_per_px=um_per_px)
    return Result(
        id=analysis_id,
        sample=request.sample or Sample(),
        model=ModelReference(name=card.name, version=card.version, sha256=card.onnx_sha256),
        scale=seen.scale,
        modal=modal_entries(
            composition, um_per_px=um_per_px, errors=errors, uncertainties=uncertainties
        ),
        modal_basis=modal_basis(composition),
        modal_correction=None if errors is None else modal_correction(composition, errors),
        element_percent=rounded_elements(composition),
        contacts=contacts,
        textures=texture_entry(measured.textures),
        liberation=liberation,
        element_ci95=rounded_element_intervals(composition),
        not_found=not_found(composition, None if errors is None else errors.held_out),
        grains=grain_entries(
            summarise_grains(measured.grains, measured.particles), um_per_px=um_per_px
        ),
        registration=None if seen.overlay is None else seen.overlay.report,
        anisotropy=_anisotropy(seen),
        quality=_with_doubts(_quality(seen, card, composition), errors, uncertainties),
        degradations=_degradations(request, seen, card, measured),
        uncertainty=_of_the_map(seen, card, composition),
        timings_s={},
        artefacts=(),
        definitions={
            **definitions(composition, measured.grains, errors),
            **contact_definitions(contacts),
            **texture_definitions(liberation),
        },
        provenance=provenance,
    )


def _of_the_map(seen: Seen, card: ModelCard, composition: Composition) -> Uncertainty:
    """Mean over the pixels of the map that show something; elsewhere the confidence is 0."""
    confidence = seen.segmentation.confidence
    mean = float(confidence.mean()) / 255.0 * confidence.size / composition.field_px
    return Uncertainty(mean_confidence=round(mean, 6), ece=card.calibration.ece_after)


def _uncertainties(
    composition: Composition,
    errors: MapErrors | None,
    request: AnalysisRequest,
    um_per_px: float | None,
) -> dict[int, ModalUncertainty]:
    return modal_uncertainty(
        composition,
        errors=errors,
        other_percent=request.modal.other_uncertainty_percent,
        wanted_error_percent=request.modal.wanted_error_percent,
        um_per_px=um_per_px,
    )


def _anisotropy(seen: Seen) -> tuple[PhaseAnisotropy, ...] | None:
    if seen.overlay is None or seen.overlay.anisotropy is None:
        return None
    return phase_anisotropy(seen.segmentation.labels, seen.overlay.anisotropy)


def _map_errors(composition: Composition, card: ModelCard, seen: Seen) -> MapErrors | None:
    held_out = held_out_confusion(card, seen.allowed)
    return None if held_out is None else map_errors(composition, held_out)


def _with_doubts(
    quality: Quality, errors: MapErrors | None, uncertainties: Mapping[int, ModalUncertainty]
) -> Quality:
    doubts = (*(() if errors is None else errors.warnings), *rough_coverage(uncertainties))
    return quality.model_copy(update={"warnings": (*quality.warnings, *doubts)})


def _quality(seen: Seen, card: ModelCard, composition: Composition) -> Quality:
    fitness = seen.fitness
    if fitness is None:
        return _quality_of_bands(seen, card, composition)
    distance = colour_distance(seen.pixels, seen.segmentation.labels, card.training_colours_rgb)
    far = distance is not None and distance > _COLOUR_WARNING_DISTANCE
    return Quality(
        focus=fitness.focus,
        clipping=_clipping(seen, fitness),
        dark_fraction=fitness.dark_fraction,
        hue_distance=fitness.colour_distance,
        # The hue sees filters before a map is made; the map sees exposure and mild lamps as well.
        calibrate_first=fitness.calibrate_first or far,
        colour_distance=None if distance is None else round(distance, 3),
        warnings=(
            *fitness.warnings,
            *seen.image.warnings,
            *_calibration_warnings(seen),
            *_view_warnings(seen),
            *_size_warnings(seen),
            *_colour_warnings(distance, card),
            *composition.warnings,
        ),
    )


def _clipping(seen: Seen, fitness: InputQuality) -> float:
    """What was lost in the camera; it is seen in its own levels only, before any correction."""
    if seen.pixels is seen.image.pixels:
        return fitness.clipping_fraction
    return _clipped_by_camera(seen)


def _clipped_by_camera(seen: Seen) -> float:
    region = None if seen.region is None else seen.region.drawn
    return round(clipped_fraction(seen.image.pixels, region), 6)


def _quality_of_bands(seen: Seen, card: ModelCard, composition: Composition) -> Quality:
    unjudged = (
        f"the image has {len(card.channels)} bands, not red, green and blue: focus, exposure and "
        "colours were not judged"
    )
    return Quality(
        focus=None,
        clipping=_clipped_by_camera(seen),
        dark_fraction=None,
        hue_distance=None,
        calibrate_first=False,
        colour_distance=None,
        warnings=(
            unjudged,
            *seen.image.warnings,
            *_size_warnings(seen),
            *composition.warnings,
        ),
    )


def _calibration_warnings(seen: Seen) -> tuple[str, ...]:
    colours, lens = seen.corrections.calibration, seen.corrections.lens
    doubts = [] if colours is None else [f"calibration: {one}" for one in colours.warnings]
    doubts += [] if lens is None else [f"lens: {one}" for one in lens.warnings]
    return tuple(doubts)


def _view_warnings(seen: Seen) -> tuple[str, ...]:
    if seen.overlay is None:
        return ()
    report = seen.overlay.report
    doubts = (*report.warnings, *(() if report.xpl is None else report.xpl.warnings))
    return tuple(f"views: {warning}" for warning in doubts)


def _size_warnings(seen: Seen) -> tuple[str, ...]:
    shape = seen.image.pixels.shape
    height_px, width_px = resampled_shape(shape[0], shape[1], seen.resampling.factor)
    if min(height_px, width_px) >= seen.tile.size_px:
        return ()
    return (
        (
            f"the image is {width_px} x {height_px} px at the pixel of the model, smaller "
            f"than its tile of {seen.tile.size_px} px: it was continued by reflection"
        ),
    )


def _colour_warnings(distance: float | None, card: ModelCard) -> tuple[str, ...]:
    if distance is None or distance <= _COLOUR_WARNING_DISTANCE:
        return ()
    return (
        (
            f"the colours are {distance:.0f} CIEDE2000 units from those that {card.name} was "
            "trained on (another exposure, lamp or camera?): the mineral map may be wrong"
        ),
    )


def _degradations(
    request: AnalysisRequest, seen: Seen, card: ModelCard, measured: Measured
) -> tuple[str, ...]:
    found = list(_unknown_minerals(request, card))
    if seen.resampling.degradation is not None:
        found.append(seen.resampling.degradation)
    if seen.scale is None:
        found.append(UNSCALED)
    if seen.crossed is not None:
        found += seen.crossed.degradations
    reduction = overlay_reduction(seen.segmentation.labels.shape)
    if reduction > 1:
        found.append(
            f"overlay.jpg shows the map at 1/{reduction} of its size; labels.ome.tif is whole"
        )
    found += without_png(request.outputs, seen.segmentation.labels.size)
    found += _unseen(request, seen, measured.composition)
    found += uncorrected_edges(measured.grains)
    found += undrawn_grains(measured.grains)
    if card.training.phantom_fraction == 1.0:
        found.append(f"{card.name} was trained on phantoms only, never on real ore")
    return tuple(found)


def _unseen(request: AnalysisRequest, seen: Seen, composition: Composition) -> tuple[str, ...]:
    """Tell how much of the image was never photographed, or not to be analysed."""
    if composition.unlabelled_px == 0:
        return ()
    unseen = f"{composition.unlabelled_px / seen.segmentation.labels.size:.2%} of the image"
    if request.region is not None:
        where = f"{unseen} lies outside the region that was to be analysed"
        where += "" if seen.corrections.lens is None else " or, straightened, the photograph"
    elif seen.corrections.lens is None:
        where = f"no field of the panorama reaches {unseen}"
    else:
        where = (
            f"without the distortion of the lens {unseen}, in its corners and borders, lies "
            "outside the photograph"
        )
    return (f"{where}: it is 255 (not annotated) in the map and in no figure of the minerals",)


def _unknown_minerals(request: AnalysisRequest, card: ModelCard) -> tuple[str, ...]:
    """Warn of a named association that holds more than the model can tell apart."""
    if request.association is None:
        return ()
    unknown = set(association_codes(request.association)) - {*card.classes, BACKGROUND_CODE}
    symbols = ", ".join(mineral(code).symbol for code in sorted(unknown))
    degradation = (
        f"association {request.association.strip()} holds {symbols}, which {card.name} does not "
        "know: they are mapped as other phases"
    )
    return (degradation,) if unknown else ()


def provenance_of(
    data: Encoded,
    request: AnalysisRequest,
    card: ModelCard,
    seen: Seen,
    software: Mapping[str, str],
    started_utc: str | None,
    circumstances: Circumstances,
) -> dict[str, JsonValue]:
    """Write down what was analysed, by what, for whom, and with which parameters after defaults."""
    height_px, width_px = seen.image.pixels.shape[:2]
    colours, lens = seen.corrections.calibration, seen.corrections.lens
    return {
        "started_utc": started_utc,
        "finished_utc": circumstances.ends_utc(),
        "asked_by": dict(circumstances.asked_by),
        "image": {
            "media_type": seen.image.media_type,
            "sha256": sha256_hex(data),
            "pixels_sha256": sha256_hex(seen.image.pixels.data),
            "height_px": height_px,
            "width_px": width_px,
            **circumstances.fields(),
        },
        "request": request.model_dump(mode="json"),
        "parameters": {
            "resampling_factor": seen.resampling.factor,
            "resampling_reason": seen.resampling.reason,
            "possible_codes": list(seen.allowed),
            "tile": seen.tile.model_dump(mode="json"),
            "temperature": card.calibration.temperature,
            "segmented": seen.segmented,
            "channels": list(card.channels),
            "crossed_views": None if seen.crossed is None else seen.crossed.count,
        },
        "model": _model_facts(card, circumstances.card_sha256),
        "calibration": None if colours is None else colours.model_dump(mode="json"),
        # A flat field is long; its id is the digest of its content.
        "flat_field": seen.corrections.ids()["flat_field"],
        "lens": None if lens is None else lens.model_dump(mode="json"),
        "software": dict(software),
        "runtime": circumstances.ran(),
    }


def _model_facts(card: ModelCard, card_sha256: str | None) -> dict[str, JsonValue]:
    return {
        "name": card.name,
        "version": card.version,
        "onnx_sha256": card.onnx_sha256,
        "card_sha256": card_sha256,
        "classes": list(card.classes),
        "exported_utc": card.exported_utc,
        "git_commit": card.git_commit,
        "architecture": card.architecture,
        "precision": card.precision,
        "training_data": card.training.data,
        "training_data_sha256": card.training.data_sha256,
        "phantom_fraction": card.training.phantom_fraction,
        "weight_terms": card.weight_terms,
        "evaluations": [_accuracy(one) for one in card.evaluations],
        "judged_by": None if card.judged_by is None else card.judged_by.model_dump(mode="json"),
    }


def _accuracy(evaluation: Evaluation) -> dict[str, JsonValue]:
    """How good the model was on images that it had not seen, beside the nearest-colour baseline."""
    return {
        "data": evaluation.data,
        "association": evaluation.association,
        "images": len(evaluation.images),
        "mean_iou": evaluation.mean_iou,
        "pixel_accuracy": evaluation.pixel_accuracy,
        "baseline_mean_iou": evaluation.baseline_mean_iou,
        "baseline_pixel_accuracy": evaluation.baseline_pixel_accuracy,
    }
