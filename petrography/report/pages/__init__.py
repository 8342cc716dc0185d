"""report.pdf: what a person reads, signs and keeps.

`lettering` holds fonts and turns text of clients into markup, `charts` draws, `grids` makes tables,
`measured` writes the pages about the rock, `vouched` those about how it was found out, `binding`
puts them together.
"""

from petrography.report.pages.binding import report_pdf

__all__ = ["report_pdf"]
