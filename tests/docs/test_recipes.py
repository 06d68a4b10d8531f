"""The guides for those who add something, followed to the letter: their files load, and their tests pass."""

import asyncio
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from handrail.context import ToolContext
from tests.docs.blocks import blocks, recipe

Install = Callable[[str, str], ModuleType]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Make a module of a guide's file, under the name that its path would give it."""

    def make(path: str, source: str) -> ModuleType:
        module = ModuleType(path.removesuffix(".py").replace("/", "."))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(source, path, "exec"), module.__dict__)  # our own documentation
        return module

    return make


def followed(page: str, install: Install) -> ModuleType:
    """The module of tests that the guide ends with; both files are there."""
    files = recipe(page)
    assert len(files) == 2, page
    product, tests = files
    assert tests == f"tests/{product.removesuffix(Path(product).name)}test_{Path(product).name}"
    install(product, files[product])
    return install(tests, files[tests])


def those_of(module: ModuleType) -> list[Callable[..., object]]:
    return [each for name, each in vars(module).items() if name.startswith("test_")]


async def test_the_tool_of_the_guide_is_a_tool_and_its_test_passes(
    ctx: ToolContext, install: Install
) -> None:
    module = followed("adding-a-tool.md", install)

    [test] = those_of(module)
    await test(ctx)  # type: ignore[misc]
    assert hasattr(sys.modules["tools.get_account_count"].get_account_count, "__handrail_tool__")


@pytest.mark.parametrize("page", ["adding-a-channel.md", "adding-a-source.md"])
def test_the_tests_of_the_guide_pass(page: str, install: Install, tmp_path: Path) -> None:
    module = followed(page, install)

    found = those_of(module)
    assert found
    for number, test in enumerate(found):
        folder = tmp_path / str(number)
        folder.mkdir()
        made = test(folder) if inspect.signature(test).parameters else test()
        if inspect.iscoroutine(made):
            asyncio.run(made)


def test_every_block_of_python_is_a_file_of_a_guide() -> None:
    pages = {block.page for block in blocks("python")}
    files = [text for page in pages for text in recipe(Path(page).name).values()]

    assert sorted(block.text for block in blocks("python")) == sorted(files)
