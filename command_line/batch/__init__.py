"""Analyse an archive of photographs on several workers, or machines, by Ray Data.

Files named after steps: `archive` (which photographs there are, with `image_list` and
`result_folders`), `places` (folders and buckets), `one_image` (one photograph, unless it is
`finished`), `division` (of cores), `cluster` and `workers` (Ray), `table` (batch.csv and what is told
at the end), `command`.
"""

from command_line.batch.command import add_commands

__all__ = ["add_commands"]
