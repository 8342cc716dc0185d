"""Scripts of another environment: no tests, and nothing of them can be imported here."""

collect_ignore_glob = ["*.py"]
