"""The fixtures of the conformance suite."""

from suite.fixtures import adapter, adapter_name, adapters, db, kept_db, states  # noqa: F401
