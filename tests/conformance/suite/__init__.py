"""The conformance suite: drives adapters and compares what they answer."""
