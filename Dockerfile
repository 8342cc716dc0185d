# syntax=docker/dockerfile:1
#
#   docker build -t petroserve .
#   docker run --rm -v petroserve-data:/data petroserve keys create --keys-file /data/keys.json --tenant lab
#   docker run --gpus all -p 3000:3000 -v petroserve-data:/data -e PETROSERVE_API_KEYS=/data/keys.json petroserve
#
# Without a GPU:
#
#   docker build -t petroserve:cpu --build-arg BASE=ubuntu:24.04 --build-arg RUNTIME=cpu .
#
# ONNX Runtime's GPU wheel is built for CUDA 13 and cuDNN 9, which the base image brings.
ARG BASE=nvidia/cuda:13.0.2-cudnn-runtime-ubuntu24.04

FROM ${BASE} AS build
ARG RUNTIME=gpu
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/petroserve
WORKDIR /src
COPY constraints.txt pyproject.toml README.md LICENSE petroserve.py ./
COPY petrography petrography
COPY service service
# Models are judged with these; what trains and exports them lacks its extra here, and says so.
COPY training training
COPY export export
COPY command_line command_line
RUN /opt/petroserve/bin/pip install --no-cache-dir -c constraints.txt ".[${RUNTIME}]"

FROM ${BASE}
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --no-create-home petroserve \
    && install --directory --owner petroserve --group petroserve --mode 0750 /data
COPY --from=build /opt/petroserve /opt/petroserve
COPY models /opt/models
# Recorded in the provenance of every result: docker build --build-arg COMMIT=$(git rev-parse HEAD)
ARG COMMIT=""
ENV PETROSERVE_BUILD_COMMIT=$COMMIT
# 0.0.0.0: the container's own network, reached only through the ports that are published.
ENV PATH=/opt/petroserve/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    BENTOML_DO_NOT_TRACK=True \
    ORT_DISABLE_TELEMETRY=1 \
    PETROSERVE_HOST=0.0.0.0 \
    PETROSERVE_MODELS_FOLDER=/opt/models \
    PETROSERVE_ARTEFACTS_FOLDER=/data/artefacts
# As a number: Kubernetes knows only of those that they are not root's (runAsNonRoot).
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 3000 3001
# Modules are imported for some ten seconds, in which nothing answers; warming up on a GPU may take
# a minute more, in which liveness does.
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:3000/readyz', timeout=4)"]
# The exec form, so that SIGTERM reaches the service and it finishes what it has begun.
ENTRYPOINT ["petroserve"]
CMD ["serve"]
