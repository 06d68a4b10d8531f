"""The document of the API, and the shapes that all routes share, read from the app itself."""

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from jsonschema import Draft202012Validator

from handrail.settings import Settings
from mcp_server.server import create_server
from standin.state import Standin
from tests.conftest import settings_for
from tests.web.test_access import OPENED
from web.app import create_app

CONTRACT = {
    "POST /api/integrations/mixpanel/connect",
    "GET /api/mixpanel/events/{customer_id}",
    "GET /api/mixpanel/funnels/{customer_id}",
    "GET /api/mixpanel/users/{customer_id}",
    "POST /api/mixpanel/sync",
    "GET /api/mixpanel/sync/{sync_id}",
    "GET /api/accounts",
    "GET /api/alerts",
    "GET /api/reports",
    "GET /api/tutorials",
    "GET /api/deliveries",
    "GET /api/runs",
    "GET /api/runs/latest",
    "GET /api/runs/{night}",
    "GET /api/churn",
    "GET /healthz",
    "GET /readyz",
}
LIST = {"summary", "as_of", "caveats", "items", "next_cursor"}

Operation = dict[str, Any]


@pytest.fixture
def document(settings: Settings) -> dict[str, Any]:
    return create_app(settings, create_server).openapi()


@pytest.fixture
def secured(standins: Standin, settings: Settings) -> dict[str, Any]:
    """The document of an installation with tokens."""
    return create_app(settings_for(standins, settings.data_dir, **OPENED), create_server).openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, Operation]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def schema_of(document: dict[str, Any], operation: Operation) -> dict[str, Any]:
    """What a success looks like, with all that it refers to."""
    success = next(each for status, each in operation["responses"].items() if status.startswith("2"))
    return {**success["content"]["application/json"]["schema"], "components": document["components"]}


def fields(document: dict[str, Any], operation: Operation) -> set[str]:
    name = schema_of(document, operation)["$ref"].rpartition("/")[2]
    return set(document["components"]["schemas"][name]["properties"])


def test_the_document_is_an_openapi_document_with_every_route_of_the_contract(
    document: dict[str, Any],
) -> None:
    named = {name for name, _ in operations(document)}

    assert document["openapi"].startswith("3.1")
    assert named >= CONTRACT
    assert len({each["operationId"] for _, each in operations(document)}) == len(named)


def test_every_operation_is_described_and_its_example_fits_its_own_schema(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        success = next(each for status, each in operation["responses"].items() if status.startswith("2"))
        example = success["content"]["application/json"]["example"]
        Draft202012Validator(schema_of(document, operation)).validate(example)
        if "requestBody" in operation:
            body = operation["requestBody"]["content"]["application/json"]
            schema = {**body["schema"], "components": document["components"]}
            Draft202012Validator(schema).validate(body["example"])


def test_an_example_that_does_not_fit_is_found(document: dict[str, Any]) -> None:
    found = dict(operations(document))["GET /api/accounts"]

    with pytest.raises(jsonschema.ValidationError):
        Draft202012Validator(schema_of(document, found)).validate({"items": [{"name": 7}]})


def test_every_list_has_one_shape_and_is_paged_with_a_cursor(document: dict[str, Any]) -> None:
    lists = {
        name: operation
        for name, operation in operations(document)
        if name.startswith("GET") and "items" in fields(document, operation)
    }

    assert len(lists) >= 9
    for name, operation in operations(document):
        parameters = {each["name"] for each in operation.get("parameters", [])}
        if name in lists:
            assert fields(document, operation) >= LIST, name
            assert "cursor" in parameters, name
        else:
            assert not parameters & {"cursor", "limit"}, name
        assert not fields(document, operation) & {"cursor", "has_more", "showing"}, name


def test_every_error_has_one_shape(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        errors = [each for status, each in operation["responses"].items() if status >= "400"]
        assert errors, name
        assert all(each["$ref"].startswith("#/components/responses/") for each in errors), name
    for answer in document["components"]["responses"].values():
        [(media, content)] = answer["content"].items()
        assert media == "application/problem+json"
        assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
        problem = {**document["components"]["schemas"]["Problem"], "components": document["components"]}
        Draft202012Validator(problem).validate(content["example"])
    assert not document["components"]["schemas"].keys() & {"HTTPValidationError", "ValidationError"}


def test_with_tokens_every_operation_says_which_role_it_needs(
    secured: dict[str, Any], document: dict[str, Any]
) -> None:
    roles = {
        name: operation["security"][0]["token"][0]
        for name, operation in operations(secured)
        if "security" in operation
    }

    assert {name for name, _ in operations(secured)} - roles.keys() == {"GET /healthz"}
    assert {name for name, role in roles.items() if role == "admin"} == {
        "POST /api/integrations/mixpanel/connect"
    }
    assert {role for name, role in roles.items() if name.startswith("GET")} == {"read"}
    assert {each["scheme"] for each in secured["components"]["securitySchemes"].values()} == {
        "bearer",
        "basic",
    }
    assert all("401" in operation["responses"] for name, operation in operations(secured) if name in roles)
    assert "securitySchemes" not in document["components"]


def test_what_changes_something_takes_a_key_and_what_reads_a_tag(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        headers = {each["name"] for each in operation.get("parameters", []) if each["in"] == "header"}
        if name.startswith("POST"):
            assert headers == {"Idempotency-Key"}, name
        elif "/api/" in name:
            assert headers == {"If-None-Match"}, name
