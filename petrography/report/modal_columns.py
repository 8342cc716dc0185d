"""The modal composition as a table: one phase a row."""

from __future__ import annotations

from collections.abc import Callable

from petrography.report.fields import Field, interval, tabulated
from petrography.report.modal_uncertainty import ModalUncertainty
from petrography.report.result import ModalEntry, Result
from petrography.report.table import Table

__all__ = ["tabulated_modal"]


def _of_uncertainty(
    name: str, read: Callable[[ModalUncertainty], float], definition: str, unit: str
) -> Field[ModalEntry]:
    """A column of what is known of the uncertainty, empty where nothing is."""

    def cell(one: ModalEntry) -> float | None:
        return None if one.uncertainty is None else read(one.uncertainty)

    return Field(name, "number", cell, definition, unit)


_FIELDS: tuple[Field[ModalEntry], ...] = (
    Field("code", "integer", lambda one: one.code, "code of the phase in the label image"),
    Field("symbol", "text", lambda one: one.symbol, "IMA-CNMNC symbol"),
    Field("name", "text", lambda one: one.name, "name of the phase"),
    Field("area_percent", "number", lambda one: one.area_percent, "share of the annotated field"),
    *interval("ci95", lambda one: one.ci95, "95 % interval of area_percent"),
    Field("ore_percent", "number", lambda one: one.ore_percent, "share of the ore minerals only"),
    *interval("ore_ci95", lambda one: one.ore_ci95, "95 % interval of ore_percent"),
    Field("mass_percent", "number", lambda one: one.mass_percent, "share of the mass of the ore"),
    Field("area_px", "integer", lambda one: one.area_px, "pixels of the phase"),
    Field("area_um2", "number", lambda one: one.area_um2, "area of the phase"),
)
_CORRECTED: tuple[Field[ModalEntry], ...] = (
    *interval("total_ci95", lambda one: one.total_ci95, "the same, mistakes of the map included"),
    Field(
        "corrected_percent",
        "number",
        lambda one: one.corrected_percent,
        "area_percent corrected with the held-out confusion of the model",
    ),
    *interval("corrected_ci95", lambda one: one.corrected_ci95, "interval of corrected_percent"),
)
_KNOWN: tuple[Field[ModalEntry], ...] = (
    Field(
        "analysed_percent",
        "number",
        lambda one: one.analysed_percent,
        "share of the annotated field without the phases that are not analysed",
    ),
    *interval("analysed_ci95", lambda one: one.analysed_ci95, "interval of analysed_percent"),
    *interval("mass_ci95", lambda one: one.mass_ci95, "95 % interval of mass_percent"),
    _of_uncertainty(
        "combined_uncertainty_pp",
        lambda known: known.combined_pp,
        "combined standard uncertainty of area_percent, in percentage points",
        "%",
    ),
    _of_uncertainty(
        "expanded_uncertainty_pp",
        lambda known: known.expanded_pp,
        "expanded uncertainty of area_percent (k = 2), in percentage points",
        "%",
    ),
    _of_uncertainty(
        "independent_samples",
        lambda known: known.independent_samples,
        "that the image is worth for this phase",
        "",
    ),
    _of_uncertainty(
        "representative_fields",
        lambda known: known.representative.fields,
        "images of this size in which the phase is known to the wanted error",
        "",
    ),
)


def tabulated_modal(result: Result) -> Table:
    """Tabulate the modal composition.

    Parameters
    ----------
    result : Result
        The analysis.

    Returns
    -------
    Table
        ``modal``: a row for each phase, by code; None where the result has null.
    """
    fields = (*_FIELDS, *_fields_of(result), *_CORRECTED, *_KNOWN)
    return tabulated("modal", fields, result.modal)


def _fields_of(result: Result) -> tuple[Field[ModalEntry], ...]:
    """Columns that need more than the entry of the phase."""
    sample, grains = result.sample, result.grains

    def count(one: ModalEntry) -> int | None:
        return grains[one.symbol].count if one.symbol in grains else None

    return (
        Field("grains", "integer", count, "grains of at least the minimum size"),
        Field("sample_id", "text", lambda _: sample.id, "as the laboratory names it"),
        Field("section", "text", lambda _: sample.section, "as the laboratory names it"),
        Field("field", "text", lambda _: sample.field, "as the laboratory names it"),
    )
