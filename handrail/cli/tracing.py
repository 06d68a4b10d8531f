"""OpenTelemetry: the spans that the MCP SDK makes of each message, sent where a setting says."""

from handrail.settings import Settings


def trace(settings: Settings) -> None:
    """Export spans over OTLP; without the setting nothing of it is imported and none is made.

    A span holds the method, the tool's name, its duration and whether it failed; no arguments, no answers.
    """
    if not settings.otlp_url:
        return
    from importlib.metadata import version  # noqa: PLC0415

    from opentelemetry import trace as api  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    told = Resource.create({"service.name": "handrail", "service.version": version("handrail")})
    provider = TracerProvider(resource=told)  # ends, and sends what waits, when the process exits
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.otlp_url)))
    api.set_tracer_provider(provider)
