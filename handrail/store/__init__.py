"""The store: the only entrance to the database."""

from handrail.store.database import Store, Work, open_store, upgrade

__all__ = ["Store", "Work", "open_store", "upgrade"]
