"""How the settings of workspaces are read, and what two workspaces may never have in common."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from handrail.context import open_context
from handrail.domain.connections import Credentials
from handrail.errors import CallerError, ConfigError
from handrail.flows.connect import connect
from handrail.flows.doctor import check
from handrail.lock import is_held, one_at_a_time
from handrail.settings import Settings
from handrail.workspaces import BELOW, INSTALLATION, OWN, SHARED, every, one
from standin.state import Standin
from tests import postgres
from tests.neighbours import write_workspace

PLAIN = "HANDRAIL_MIXPANEL_PROJECT_ID={number}\nHANDRAIL_MIXPANEL_USERNAME=u\nHANDRAIL_MIXPANEL_SECRET=s\n"
VARIABLES = ("HANDRAIL_", "ANTHROPIC_", "SENDGRID_")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an installation's workspaces; nothing of this machine's environment counts."""
    for name in os.environ:
        if name.startswith(VARIABLES):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANDRAIL_WORKSPACES", str(tmp_path / "workspaces"))
    (tmp_path / "workspaces").mkdir()
    return tmp_path / "workspaces"


def write(folder: Path, name: str, more: str = "", number: int = 1) -> Path:
    path = folder / f"{name}.env"
    path.write_text(PLAIN.format(number=number) + more, "utf-8")
    return path


def test_every_setting_is_decided_on() -> None:
    kinds = [OWN, SHARED, BELOW, INSTALLATION]

    assert sum(len(each) for each in kinds) == len(frozenset().union(*kinds)), "one setting, one kind"
    assert frozenset().union(*kinds) == set(Settings.model_fields), "say of a new setting whose it is"


def test_nothing_that_opens_or_names_a_project_is_ever_taken_over(folder: Path) -> None:
    secrets = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}

    assert secrets - OWN == {"anthropic_api_key", "alarm_webhook"}, (
        "the purse is per workspace, alarms are named"
    )
    assert {
        "mixpanel_project_id",
        "mixpanel_username",
        "mixpanel_region",
        "database_url",
        "flow_url",
        "kb_dir",
        "sendgrid_webhook_key",
        "send_mode",
        "brief_to",
        "digest_to",
    } <= OWN


def test_without_the_folder_there_is_one_nameless_workspace(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HANDRAIL_WORKSPACES")
    monkeypatch.setenv("HANDRAIL_MIXPANEL_PROJECT_ID", "7")

    [found] = every()

    assert found == one() == Settings.load()
    assert (found.workspace, found.mixpanel_project_id, found.data_dir) == ("", 7, Path(".handrail"))


def test_a_file_goes_before_the_environment_and_the_environment_before_its_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".env").write_text("HANDRAIL_HOLDOUT=0.2\nHANDRAIL_RUN_CAP=20\nHANDRAIL_COOLDOWN_DAYS=20\n", "utf-8")
    monkeypatch.setenv("HANDRAIL_RUN_CAP", "30")
    monkeypatch.setenv("HANDRAIL_COOLDOWN_DAYS", "30")
    monkeypatch.setenv("HANDRAIL_PUBLIC_URL", "https://guides.example.com/")
    monkeypatch.setenv("HANDRAIL_DATA_DIR", "/var/lib/handrail")
    write(folder, "acme", "HANDRAIL_COOLDOWN_DAYS=40\n# a remark\n\nHANDRAIL_BRIEF_TO='a@vendor.example'\n")
    write(folder, "globex-eu", "HANDRAIL_MIXPANEL_REGION=eu\nHANDRAIL_DATA_DIR=/srv/globex\n", number=2)

    acme, globex = every()

    assert (acme.workspace, globex.workspace) == ("acme", "globex-eu")
    assert (acme.holdout, acme.run_cap, acme.cooldown_days) == (0.2, 30, 40)
    assert (globex.holdout, globex.run_cap, globex.cooldown_days) == (0.2, 30, 30)
    assert (acme.brief_to, globex.brief_to) == (("a@vendor.example",), ())
    assert acme.data_dir == Path("/var/lib/handrail/workspaces/acme")
    assert globex.data_dir == Path("/srv/globex")
    assert acme.database != globex.database
    assert acme.public_url == "https://guides.example.com/w/acme"
    assert (acme.query_url, globex.query_url) == ("https://mixpanel.com", "https://eu.mixpanel.com")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HANDRAIL_API_TOKENS", "eve:admin:a-token-of-the-installation"),
        ("HANDRAIL_MIXPANEL_SECRET", "secret-of-the-installation"),
        ("HANDRAIL_DATABASE_URL", "postgresql+asyncpg://h/d"),
        ("HANDRAIL_SECRET_KEY", "a key of the installation"),
        ("SENDGRID_API_KEY", "SG.x"),
        ("HANDRAIL_SEND_MODE", "auto"),
    ],
)
@pytest.mark.parametrize("where", ["environment", ".env"])
def test_what_belongs_to_one_workspace_may_not_be_said_for_all(
    variable: str, value: str, where: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "acme")
    if where == "environment":
        monkeypatch.setenv(variable, value)
    else:
        Path(".env").write_text(f"{variable}={value}\n", "utf-8")

    with pytest.raises(ConfigError, match=f"^{variable} cannot be said for all workspaces") as refused:
        every()

    assert value not in str(refused.value)


def test_the_name_chooses_and_without_one_several_are_too_many(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "acme")
    assert one().workspace == "acme", "where there is one, nobody need say it"

    write(folder, "globex", number=2)
    with pytest.raises(
        ConfigError, match=r"Several workspaces are set up here: acme, globex\. Say which one"
    ):
        one()
    monkeypatch.setenv("HANDRAIL_WORKSPACE", "globex")
    assert one().mixpanel_project_id == 2
    monkeypatch.setenv("HANDRAIL_WORKSPACE", "initech")
    with pytest.raises(ConfigError, match=r"no workspace 'initech'. There are: acme, globex\."):
        one()
    monkeypatch.delenv("HANDRAIL_WORKSPACES")
    with pytest.raises(ConfigError, match="HANDRAIL_WORKSPACES names no folder"):
        one()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("HANDRAIL_HOLDOUT=2\n", "line 4: HANDRAIL_HOLDOUT cannot be used: Input should be less than"),
        ("\n\nHANDRAIL_HOLDOUTS=0.1\n", "line 6: HANDRAIL_HOLDOUTS is no setting"),
        ("what is this\n", "line 4: write NAME=value"),
        ("HANDRAIL_HOLDOUT\n", "line 4: write NAME=value"),
        ("HANDRAIL_LOG_FORMAT=json\n", "line 4: HANDRAIL_LOG_FORMAT belongs to the whole installation"),
        ("HANDRAIL_MIXPANEL_SECRET=t\n", "line 4: HANDRAIL_MIXPANEL_SECRET stands on line 3 already"),
    ],
)
def test_a_fault_names_its_file_and_line(folder: Path, text: str, told: str) -> None:
    path = write(folder, "acme", text)

    with pytest.raises(ConfigError) as refused:
        every()

    assert str(refused.value).startswith(f"{path}, {told}")


def test_a_file_that_is_no_text_or_has_no_project_or_no_name_is_refused(folder: Path) -> None:
    path = folder / "acme.env"
    path.write_bytes(b"HANDRAIL_MIXPANEL_SECRET=\xff\n")
    with pytest.raises(ConfigError, match=r"acme\.env is not UTF-8"):
        every()
    path.write_text("HANDRAIL_MIXPANEL_USERNAME=u\n", "utf-8")
    with pytest.raises(ConfigError, match=r"acme\.env: HANDRAIL_MIXPANEL_PROJECT_ID is missing"):
        every()
    path.rename(folder / "Acme Inc.env")
    with pytest.raises(ConfigError, match=r"Acme Inc\.env: a workspace's name has lower-case letters"):
        every()
    (folder / "Acme Inc.env").unlink()
    with pytest.raises(ConfigError, match=r"holds no file NAME\.env"):
        every()
    folder.rmdir()
    with pytest.raises(ConfigError, match="which is no folder"):
        every()


def test_a_value_stands_as_it_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMETHING", "of the installation")
    write(folder, "acme", "HANDRAIL_MAIL_POSTAL_ADDRESS=${SOMETHING} Street\n")

    assert one().mail_postal_address == "${SOMETHING} Street"


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        ("", "", ""),
        ("", "HANDRAIL_MIXPANEL_PROJECT_ID={}", "Mixpanel project"),
        ("HANDRAIL_DATA_DIR=x\n", "HANDRAIL_DATA_DIR=./x\n", "data directory"),
        (
            "HANDRAIL_SECRET_KEY=one and the same key\n",
            "HANDRAIL_SECRET_KEY=one and the same key\n",
            "HANDRAIL_SE",
        ),
        (
            "HANDRAIL_API_TOKENS=a:read:one-token-for-two\n",
            "HANDRAIL_API_TOKENS=b:admin:one-token-for-two\n",
            "token",
        ),
        (
            "HANDRAIL_DATABASE_URL=postgresql+asyncpg://h/d\n",
            "HANDRAIL_DATABASE_URL=postgresql+asyncpg://h/d\n",
            "database",
        ),
    ],
)
def test_two_workspaces_have_nothing_of_their_own_in_common(
    folder: Path, ours: str, theirs: str, told: str
) -> None:
    same = "{}" in theirs
    write(folder, "acme", ours)
    write(folder, "globex", "" if same else theirs, number=1 if same else 2)

    if not told:
        assert len(every()) == 2
        return
    with pytest.raises(ConfigError, match=f"The workspaces acme and globex have the same {told}"):
        every()


def test_one_number_in_two_regions_is_two_projects(folder: Path) -> None:
    write(folder, "acme")
    write(folder, "acme-eu", "HANDRAIL_MIXPANEL_REGION=eu\n")

    assert [each.workspace for each in every()] == ["acme", "acme-eu"]


async def test_a_workspace_connects_no_other_project(folder: Path, standins: Standin) -> None:
    write_workspace(folder, "acme", standins)
    other = Credentials(project_id=4242, username="u", secret=SecretStr("s"))

    async with open_context(one()) as ctx:
        standins.requests.clear()
        with pytest.raises(CallerError, match="Project 4242 needs a workspace of its own"):
            await connect(ctx, other)

    assert standins.requests == []


async def test_the_doctor_warns_of_a_file_that_others_may_read(folder: Path, standins: Standin) -> None:
    write_workspace(folder, "acme", standins)
    told = []
    for mode in (0o600, 0o640):
        (folder / "acme.env").chmod(mode)
        async with open_context(one()) as ctx:
            told.append((await check(ctx))[0])

    assert [(each.name, each.ok) for each in told] == [("workspace", True)] * 2
    assert told[0].detail == "acme"
    assert f"other users of this machine may read {folder / 'acme.env'}: chmod 600 it" in told[1].detail


async def test_on_postgresql_a_night_of_one_holds_up_no_night_of_another(
    folder: Path, standins: Standin, postgres_address: str
) -> None:
    with postgres.database(postgres_address) as first, postgres.database(postgres_address) as second:
        for name, database, number in (("acme", first, "1"), ("globex", second, "2")):
            write_workspace(
                folder,
                name,
                standins,
                HANDRAIL_MIXPANEL_PROJECT_ID=number,
                HANDRAIL_DATABASE_URL=f"postgresql+asyncpg://{database}",
                HANDRAIL_SECRET_KEY=f"a secret of {name}, long enough",
            )
        acme, globex = every()
        async with open_context(acme) as ours, open_context(globex) as theirs, one_at_a_time(acme, "sync"):
            async with ours.store.begin() as work:
                await work.deliveries.pause("all", ours.clock.now())
            async with theirs.store.read() as work:
                paused = await work.deliveries.pauses()
            held = [await is_held(each, "sync") for each in (acme, globex)]

    assert paused == []
    assert held == [True, False]
