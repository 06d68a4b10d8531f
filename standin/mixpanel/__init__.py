"""Mixpanel's query, export, ingestion and app APIs over a world."""

from __future__ import annotations

from standin.mixpanel.routes import routes

__all__ = ["routes"]
