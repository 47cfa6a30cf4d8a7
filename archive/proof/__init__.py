"""Evidence outside the archive's folder that the root of a manifest existed: anchors and signatures. Offline."""
