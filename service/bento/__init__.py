"""BentoML around the service: worker processes, packaging, start and drain.

The only package that knows BentoML. What its shell does not do well for this service, and what is
done instead, is in docs/decisions/0002-bentoml-as-shell.md. `shell` is what BentoML is given and
`worker` what a worker runs.
"""

from service.bento.shell import Petroserve, Shell, petroserve, serve

__all__ = ["Petroserve", "Shell", "petroserve", "serve"]
