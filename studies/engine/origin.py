"""Where records and provenance come from, while both change rooms."""

try:
    from robustcore import provenance, records
except ImportError:
    from robustcore.studies import provenance, records  # type: ignore[no-redef]

__all__ = ["provenance", "records"]
