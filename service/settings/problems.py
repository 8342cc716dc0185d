"""What is wrong with variables, in words that name them."""

from __future__ import annotations

from pydantic import ValidationError

__all__ = ["settings_problems"]


def settings_problems(prefix: str, error: ValidationError) -> str:
    """Tell what is wrong with variables of a prefix, by their names."""
    problems = "; ".join(
        f"{_variable(prefix, problem['loc'])}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False)
    )
    return f"settings cannot be used: {problems}"


def _variable(prefix: str, place: tuple[int | str, ...]) -> str:
    return f"{prefix}{str(place[0]).upper()}" if place else "together"
