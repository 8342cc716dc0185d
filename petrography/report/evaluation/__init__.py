"""What is written about label images that were judged: tables, charts, panels.

Importing it loads Matplotlib, so whoever starts fast imports it when it is used.
"""

from petrography.report.evaluation.files import judgement_files, pair_files

__all__ = ["judgement_files", "pair_files"]
