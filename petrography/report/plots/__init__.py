"""Plots of a report, as SVG and PNG: modal composition, grain sizes, contacts.

They are drawn without Matplotlib's global state, one at a time; equal reports give equal bytes.
"""

from petrography.report.plots.association_map import association_map
from petrography.report.plots.modal_bars import modal_bars
from petrography.report.plots.rendering import rendered
from petrography.report.plots.size_curves import size_curves

__all__ = ["association_map", "modal_bars", "rendered", "size_curves"]
