"""What `petroserve test-model`, `evaluate` and `folds` write: tables, charts, panels."""
