"""BentoML around the service: worker processes, packaging, start and drain.

The only package that knows BentoML. What its shell does not do well for this service, and what is
done instead, is in docs/decisions/0002-bentoml-as-shell.md. `shell` is what BentoML is given,
`worker` what a worker runs, and `orphaned_worker` ends one whose supervisor was killed.
"""

from service.bento.shell import Petroserve, Shell, petroserve, serve

__all__ = ["Petroserve", "Shell", "petroserve", "serve"]
