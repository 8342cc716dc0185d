"""gRPC: the services of proto/ over the engine.

`server` starts and drains, `calls` is the layer around every method (`access` in front of it,
`refusing` behind it), `analysis_service` translates to the engine.
"""

from service.grpc_api.server import serving_grpc

__all__ = ["serving_grpc"]
