from __future__ import annotations

from pathlib import Path

import pytest

from petrography.errors import ConfigurationError
from petrography.image_codec import ImageLimits
from service.settings import Settings, read_settings, unknown_variables

pytestmark = pytest.mark.usefixtures("clean_environment")


def test_defaults_are_safe() -> None:
    settings = read_settings()

    assert (settings.host, settings.http_port) == ("127.0.0.1", 3000)
    assert (settings.workers, settings.concurrent_analyses, settings.queue_length) == (1, 1, 8)
    # The largest image is let in as a JPEG or a compressed TIFF: a byte a pixel is more than enough.
    assert settings.max_image_bytes >= settings.max_image_pixels
    assert ImageLimits().max_bytes == settings.max_image_bytes
    assert ImageLimits().max_pixels == settings.max_image_pixels
    assert settings.prometheus_multiproc_dir is None


def test_the_environment_is_read_and_overruled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PETROSERVE_HTTP_PORT", "4000")
    monkeypatch.setenv("PETROSERVE_MODELS_FOLDER", "elsewhere")
    monkeypatch.setenv("PETROSERVE_DEFAULT_MODEL", "")
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "metrics")

    settings = read_settings(http_port=5000, models_folder=None)

    assert settings.http_port == 5000
    assert settings.models_folder == Path("elsewhere")
    assert settings.default_model is None
    assert settings.prometheus_multiproc_dir == Path("metrics")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PETROSERVE_HTTP_PORT", "70000"),
        ("PETROSERVE_HOST", "localhost"),
        ("PETROSERVE_WORKERS", "0"),
        ("PETROSERVE_PROVIDER", "tpu"),
        ("PETROSERVE_UPLOAD_TIMEOUT_S", "nan"),
        ("PETROSERVE_QUEUE_LENGTH", "-1"),
    ],
)
def test_an_impossible_value_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(ConfigurationError, match=variable):
        read_settings()


def test_worker_processes_read_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    stated = Settings(
        http_port=4321, models_folder=Path("m"), provider="cpu", default_model="tiny:2"
    )
    for name, value in stated.environment().items():
        monkeypatch.setenv(name, value)

    assert read_settings() == stated


def test_settings_do_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="frozen"):
        monkeypatch.setattr(read_settings(), "http_port", 1)


def test_every_field_says_what_it_is() -> None:
    undocumented = [name for name, field in Settings.model_fields.items() if not field.description]

    assert undocumented == []


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("PETROSERVE_PORT", "; did you mean PETROSERVE_HTTP_PORT or PETROSERVE_GRPC_PORT?"),
        ("PETROSERVE_APIKEYS", "; did you mean PETROSERVE_API_KEYS?"),
        ("petroserve_threds", "; did you mean PETROSERVE_THREADS?"),
        ("PETROSERVE_XYZZY", ""),
    ],
)
def test_a_mistyped_variable_is_told_with_what_was_meant(
    monkeypatch: pytest.MonkeyPatch, variable: str, said: str
) -> None:
    monkeypatch.setenv(variable, "1")
    assert list(unknown_variables()) == [f"{variable} is no setting and does nothing{said}"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PETROSERVE_HTTP_PORT", "4000"),
        ("petroserve_threads", "2"),
        ("PETROSERVE_API_KEY", "of a client"),
        ("PETROSERVE_LUMENSTONE", "of the tests"),
        # What Kubernetes sets for a service of this name.
        ("PETROSERVE_PORT", "tcp://10.96.0.11:3000"),
        ("PETROSERVE_PORT_3000_TCP_ADDR", "10.96.0.11"),
        ("PETROSERVE_SERVICE_HOST", "10.96.0.11"),
        ("PETROSERVE_SERVICE_PORT_HTTP", "3000"),
        ("PETROSERVER", "another program"),
    ],
)
def test_what_is_a_setting_or_of_others_is_not_told(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert list(unknown_variables()) == []
