"""A chat client waits for the list of tools: what only a call needs is imported by the call."""

import subprocess
import sys

HEAVY = {
    *("anthropic", "apscheduler", "dbos", "duckdb", "fastapi", "mjml", "numpy", "pandas", "PIL", "quickjs"),
    *("scipy", "sendgrid", "sqlalchemy", "sqlmodel", "statsmodels", "typer"),
}


def test_the_server_is_made_without_what_only_calls_need() -> None:
    program = (
        "import sys; from mcp_server.server import create_server; create_server(lambda: None); "
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    )

    imported = set(ran.stdout.split())
    assert {"mcp", "tools"} <= imported
    assert imported & HEAVY == set(), "python -X importtime says who imports it"
