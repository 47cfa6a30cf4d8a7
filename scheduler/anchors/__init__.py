"""Anchors roots of manifests outside the archive's folder, in child processes that may hang or fail."""
