"""Alerts end to end. Long: one desk with three channels, and what each of them hears, case by case.

The sandbox's network closes, and a webhook, a mail server and Telegram's API hear of it once.
"""

import json
import shlex
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from marketctl.cli import invoke
from marketctl.files.journal import append_journal
from marketctl.notify.channels import open_channel
from marketctl.notify.ledger import FileStore
from marketctl.sandbox.setup import write_setup
from tests.notify.receivers import PATIENCE_S, SECRET, TOKEN, Mail, Webhook

VENUES = ("KUCOIN", "MEXC")


@pytest.fixture
def folder(sandbox, tmp_path):
    """A desk of two exchanges; the network `tron` of USDT opens and closes as their wallets are asked."""
    folder = write_setup(sandbox, tmp_path / "desk").parent
    path = folder / "providers.toml"
    text = path.read_text()
    for name in ("BYBIT", "WHITEBIT", "HTX", "RAPIRA", "TWELVEDATA", "OPENEXCHANGERATES"):
        head, _, tail = text.partition(f"[providers.{name}]")
        text = head + f"[providers.{name}]" + tail.replace("enabled = true", "enabled = false", 1)
    path.write_text(text + '\n[watch]\nassets = ["USDT"]\nnetworks = ["tron", "ton"]\nfee = false\nstale = false\n')
    return folder


@pytest.fixture
def ctl(folder, capsys):
    def call(*words: str):
        capsys.readouterr()
        code = invoke(["--config", str(folder / "providers.toml"), *words])
        told = capsys.readouterr()
        for secret in (SECRET, TOKEN, TOKEN.partition(":")[2]):
            assert secret not in told.out + told.err
        return code, told.out, told.err

    return call


def channels(folder, **urls: str) -> None:
    path = folder / "credentials.toml"
    lines = [f'{name} = "{url}"' for name, url in urls.items()]
    path.write_text(path.read_text() + "\n[notify]\n" + "\n".join(lines) + "\n")
    path.chmod(0o600)


def sync(ctl, until: bool) -> None:
    """Ask for the wallets until USDT's withdrawals over tron are closed (open) at all venues."""
    for _ in range(8):
        assert ctl("wallet", "sync", "-q", *VENUES)[0] == 0
        _, out, _ = ctl("asset", "USDT", "--only", "networks", "--format", "ndjson")
        rows = [json.loads(line) for line in out.splitlines()]
        if {row["withdraw"] for row in rows if row["network"] == "tron"} == {not until}:
            return
    pytest.fail("the sandbox's network does not move")


@pytest.fixture
def telegram(monkeypatch):
    """Telegram's API on loopback: apprise's own plug-in speaks to it."""
    from apprise.plugins.telegram import NotifyTelegram

    with Webhook() as hook:
        monkeypatch.setattr(NotifyTelegram, "notify_url", f"http://127.0.0.1:{hook.port}/bot")
        yield hook


def test_a_network_that_closes_and_opens_is_told_once_to_each_channel(folder, ctl, telegram):
    with Webhook() as hook, Mail() as mail:
        channels(folder, hook=hook.url, mail=mail.url, telegram=f"tgram://{TOKEN}/123456/")
        sync(ctl, until=False)
        assert ctl("notify", "run", "-q") == (0, "", "")
        assert hook.messages == []  # all is well: nothing to tell
        sync(ctl, until=True)
        code, out, err = ctl("notify", "run")
        assert (code, err) == (0, "")
        closed = "USDT · tron: withdrawals closed at 2 of 2; open: ton 0.249, bsc 0.283, solana 0.297"
        assert out == f"door\tnew\t{closed}\n"
        for _ in range(3):
            assert ctl("notify", "run") == (0, "", "")
        sync(ctl, until=False)
        for _ in range(2):
            assert ctl("notify", "run", "-q")[0] == 0
        opened = "USDT · tron: withdrawals open again at 2 of 2; resolved after "
        for told in (hook.messages, [text for _, text in mail.told], telegram.messages):
            assert [closed in told[0], opened in told[1], len(told)] == [True, True, 2]
        assert [subject for subject, _ in mail.told] == ["marketctl: USDT · tron"] * 2
        assert {path for path, _ in telegram.told} == {f"/bot{TOKEN}/sendMessage"}
        assert [body["type"] for _, body in hook.told] == ["warning", "success"]


def test_a_receiver_that_is_away_loses_nothing_and_gets_nothing_twice(folder, ctl):
    with Webhook() as hook, Webhook() as good:
        channels(folder, away=hook.url, good=good.url)
        sync(ctl, until=False)
        assert ctl("notify", "run", "-q")[0] == 0
        hook.status = 503
        sync(ctl, until=True)
        code, _, err = ctl("notify", "run")
        assert code == 3
        assert err.startswith("notify away: ")
        assert err.endswith("; 1 lines wait\n")
        sync(ctl, until=False)
        for _ in range(10):
            code, _, err = ctl("notify", "run", "-q")
            assert code == 3
        (row,) = [
            row for row in json.loads(ctl("notify", "status", "--json")[1])["results"] if row["channel"] == "away"
        ]
        assert (row["waiting"], row["failures"], row["to"]) == (2, 2, "json://***")
        assert err == f"notify away: {row['error']}; 2 lines wait until {row['next_try']}\n"
        assert (len(good.messages), hook.messages) == (2, [])
        hook.status = 200
        assert ctl("notify", "run", "-q")[0] == 3  # the pause holds over runs, and ends with a message that is taken
        assert ctl("notify", "test", "away", "-q")[0] == 0
        for _ in range(3):
            assert ctl("notify", "run", "-q") == (0, "", "")
        assert hook.messages[1:] == good.messages
        assert len(good.messages) == 2


def test_ten_thousand_lines_of_a_journal_are_a_handful_of_messages(folder, ctl):
    with Webhook() as hook:
        channels(folder, hook=hook.url)
        sync(ctl, until=True)
        assert ctl("notify", "run", "-q")[0] == 0
        assert len(hook.messages) == 1
        line = {"run_id": "r", "provider": "MEXC", "asset": "USDT", "network": "TRX", "field": "withdraw"}
        for start in range(0, 10_000, 2500):
            append_journal(
                folder / "data/wallet/MEXC.changes.jsonl",
                [
                    line | {"at": f"2026-01-01T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}.000Z"}
                    | {"before": n % 2 == 1, "after": n % 2 == 0}
                    for n in range(start, start + 2500)
                ],
            )  # fmt: skip
            assert ctl("notify", "run", "-q") == (0, "", "")
        assert len(hook.messages) == 2
        assert "changed" in hook.messages[1]
        assert "silent until it is steady" in hook.messages[1]


def test_the_first_look_tells_how_things_stand(folder, ctl):
    with Webhook() as hook:
        channels(folder, hook=hook.url)
        sync(ctl, until=True)
        _, out, _ = ctl("notify", "run", "--json")
        assert [line["status"] for line in json.loads(out)["results"]] == ["now"]
        ways = "open: ton 0.249, bsc 0.283, solana 0.297"
        assert hook.messages == [f"USDT · tron: withdrawals closed at 2 of 2; {ways}"]


@pytest.mark.parametrize(
    "change",
    [
        ('assets = ["USDT"]', 'assets = ["BTC"]'),
        ('networks = ["tron", "ton"]', 'networks = ["ton"]'),
        ("[watch]", "[watch]\ndoors = false"),
    ],
)
def test_what_is_no_longer_watched_is_not_said_to_be_over(folder, ctl, change):
    with Webhook() as hook:
        channels(folder, hook=hook.url)
        sync(ctl, until=True)
        assert ctl("notify", "run", "-q")[0] == 0
        path = folder / "providers.toml"
        path.write_text(path.read_text().replace(*change))
        for _ in range(2):
            _, out, _ = ctl("notify", "run")
            assert "tron" not in out
        assert [one for one in hook.messages if "tron" in one] == hook.messages[:1]
        assert json.loads(ctl("notify", "status", "--json")[1])["active"] == []


def test_looking_takes_no_lock_and_writes_nothing(folder, ctl):
    sync(ctl, until=True)

    def files() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in (folder / "data").rglob("*")}

    before = files()
    for words in (("run", "--dry-run"), ("mute",), ("status",), ("log",)):
        assert ctl("notify", *words)[0] == 0
    assert files() == before


def test_dry_run_notes_and_sends_nothing(folder, ctl):
    sync(ctl, until=True)
    for _ in range(2):
        code, out, err = ctl("notify", "run", "--dry-run")
        assert (code, out[:9], err) == (0, "door\tnow\t", "")
    assert not (folder / "data/state/notify.json").exists()
    code, out, err = ctl("notify", "run")
    assert (code, out) == (4, "")
    assert "there is no channel in [notify] of " in err


def test_no_token_in_any_file_or_output(folder, ctl, telegram):
    telegram.status = 401
    with Webhook() as hook:
        hook.status = 500
        channels(folder, hook=hook.url, telegram=f"tgram://{TOKEN}/123456/", broken=f"nope://{SECRET}")
        sync(ctl, until=True)
        assert ctl("notify", "run", "-vv")[0] == 1
        assert ctl("notify", "test", "-vv")[0] == 1
        assert ctl("notify", "status")[0] == 0
        assert ctl("notify", "log")[0] == 0
        assert ctl("credentials", "list")[0] == 0
    for path in (folder / "data").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert SECRET.encode() not in content, path
            assert TOKEN.partition(":")[2].encode() not in content, path


def test_one_of_several_channels_is_tried(folder, ctl):
    with Webhook() as hook, Webhook() as gone:
        gone.status = 500
        channels(folder, ops=hook.url, gone=gone.url)
        assert ctl("notify", "test", "ops") == (0, "ops\tjson://***\tok\t\n", "")
        assert hook.messages == ["This is a test: alerts of marketctl arrive here."]
        code, out, _ = ctl("notify", "test")
        assert (code, [line.split("\t")[:3] for line in out.splitlines()]) == (
            3,
            [["ops", "json://***", "ok"], ["gone", "json://***", "failed"]],
        )
        code, _, err = ctl("notify", "test", "opps")
        assert (code, err.endswith("Next: marketctl notify test ops.\n")) == (4, True)


def test_what_is_muted_is_noted_and_not_sent(folder, ctl):
    with Webhook() as hook:
        channels(folder, hook=hook.url)
        sync(ctl, until=False)
        assert ctl("notify", "run", "-q")[0] == 0
        assert ctl("notify", "mute", "tron", "--for", "6h", "-q") == (0, "", "")
        sync(ctl, until=True)
        assert ctl("notify", "run") == (0, "", "")
        assert hook.messages == []
        _, out, _ = ctl("notify", "log")
        assert out.split("\t")[1:4] == ["door", "new", "muted"]
        told = "changed under the mute: 1; the next look tells. Next: marketctl notify run.\n"
        code, out, err = ctl("notify", "mute", "trom", "--off")
        assert (code, out[:5], err) == (0, "tron\t", "trom is not muted; did you mean tron?\n")
        assert ctl("notify", "mute", "TRON", "--off") == (0, "", told)
        assert ctl("notify", "run", "-q") == (0, "", "")
        assert len(hook.messages) == 1
        assert "still: USDT · tron: withdrawals closed at 2 of 2; open: ton 0.249" in hook.messages[0]
        assert ctl("notify", "run", "-q") == (0, "", "")
        assert len(hook.messages) == 1
        assert ctl("notify", "mute", "x", "--for", "soon")[0] == 2


@pytest.mark.parametrize(
    ("words", "code", "err"),
    [
        (("",), 2, "marketctl: Invalid value for '[WHAT]': an empty word, expected a name"),
        ((" \n",), 2, "marketctl: Invalid value for '[WHAT]': an empty word, expected a name"),
        (("--off",), 2, "marketctl: --off needs WHAT: marketctl notify mute shows what is muted."),
        (("trom",), 0, "nothing watched is called trom; did you mean tron?\n"),
        (("kucoinn",), 0, "nothing watched is called kucoinn; did you mean KUCOIN?\n"),
        (("zzzzz",), 0, "nothing watched is called zzzzz\n"),
        (("trom", "-q"), 0, ""),
        (("usdt",), 0, ""),
        (("stale",), 0, ""),
        (("kucoin",), 0, ""),
        (("door USDT *",), 0, ""),
    ],
)
def test_a_mute_of_nothing_is_said(folder, ctl, words, code, err):
    found, _, told = ctl("notify", "mute", *words)
    assert (found, told[: len(err)]) == (code, err)
    assert bool(told) == bool(err)


@pytest.mark.parametrize("words", ["tron --for 24h", "tron --off", "'door USDT *' --for ever"])
def test_a_mute_beside_a_run_that_tells_names_itself_to_be_typed_again(folder, ctl, words):
    (folder / "data/state").mkdir(parents=True)
    with FileStore(folder / "data/state").lock():
        told = f"marketctl: another run is telling. Next: marketctl notify mute {words}.\n"
        assert ctl("notify", "mute", *shlex.split(words)) == (75, "", told)


def test_the_extra_is_imported_when_something_is_sent_and_not_before(folder, sandbox):
    path = folder / "providers.toml"
    path.write_text(path.read_text().replace('networks = ["tron", "ton"]', 'networks = ["ton"]'))  # moves when told to
    program = (
        "import sys\nfrom marketctl.cli import invoke\ncode = invoke(sys.argv[1:])\n"
        "print('apprise' in sys.modules, 'marketctl.notify' in sys.modules)\nsys.exit(code)"
    )

    def imported(*words: str) -> str:
        command = [sys.executable, "-c", program, "--config", str(folder / "providers.toml"), *words, "-q"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert imported("wallet", "sync", "KUCOIN") == "False False\n"
    with Webhook() as hook:
        channels(folder, hook=hook.url)
        assert imported("notify", "run") == "False True\n"
        sandbox.fault("KUCOIN=closed:USDT")
        assert imported("wallet", "sync", "KUCOIN") == "False False\n"
        assert imported("notify", "run") == "True True\n"
        hook.wait_for(1)


def test_a_run_that_repeats_tells_within_one_interval(folder, sandbox):
    """Judged by what KUCOIN was asked, not by the clock: it is told before the wallet is looked at much further."""
    path = folder / "providers.toml"
    text = path.read_text().replace("wallet_interval_s = 300", "wallet_interval_s = 3")
    path.write_text(text.replace('networks = ["tron", "ton"]', 'networks = ["ton"]'))  # which moves only when told to
    command = [sys.executable, "-m", "marketctl", "--config", str(path), "run", "-p", "KUCOIN", "--task", "wallet",
               "--notify", "-q"]  # fmt: skip
    asked = sandbox.apis["KUCOIN"].calls
    with Webhook() as hook:
        channels(folder, hook=hook.url)
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                told_to_look(folder)
                looks = []
                for count, fault in enumerate(("KUCOIN=closed:USDT", None), 1):
                    before = asked.total()
                    sandbox.fault(*([fault] if fault else []))
                    hook.wait_for(count)
                    looks.append(asked.total() - before)
                assert SECRET not in process_list()
            finally:
                process.terminate()
            said, _ = process.communicate(timeout=60)
        assert (process.returncode, said) == (143, "")
        assert [text.split(";")[0] for text in hook.messages] == [
            "USDT · ton: withdrawals and deposits closed at 1 of 1",
            "USDT · ton: withdrawals and deposits open again at 1 of 1",
        ]
        assert max(looks) <= 3  # one that began before, the one that sees it, one while it is told


def process_list() -> str:
    """Return what `ps` shows of every process: its words."""
    told = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            told.append(path.read_bytes().decode(errors="replace"))
    return "\n".join(told)


def told_to_look(folder) -> None:
    """Wait until the alerts have looked for the first time: from then on there is something that can change."""
    until = time.monotonic() + PATIENCE_S
    while not (folder / "data/state/notify.json").exists() and time.monotonic() < until:
        time.sleep(0.05)


def test_a_run_tells_of_itself_and_a_dead_channel_harms_no_job(folder, ctl):
    with Webhook() as hook:
        hook.status = 500
        channels(folder, hook=hook.url)
        sync(ctl, until=False)
        told = [ctl("run", "--once", "--task", "wallet", "--notify", "-q") for _ in range(3)]
        assert [code for code, _, _ in told] == [0, 0, 0]
        assert [" lines wait" in err for _, _, err in told] == [True, True, False]  # the third left it alone
        metrics = folder / "figures.prom"
        assert ctl("run", "--once", "--task", "wallet", "--metrics", str(metrics), "-q")[0] == 0
        line = 'marketctl_network_open{asset="USDT",network="ton",provider="KUCOIN",direction="withdraw"} 1'
        assert line in metrics.read_text().splitlines()


class Trickle(Webhook):
    """Takes a message and never ends its answer."""

    content_type = "text/plain"
    answer = b"x" * 3

    def take(self, path: str, body: bytes) -> int:
        super().take(path, body)
        self.over.wait(PATIENCE_S)
        return self.status

    def __init__(self) -> None:
        super().__init__()
        self.over = threading.Event()

    def __exit__(self, *left: object) -> None:
        self.over.set()
        super().__exit__(*left)


def test_a_receiver_that_does_not_end_its_answer_holds_up_no_other(folder, ctl, monkeypatch):
    monkeypatch.setattr("marketctl.notify.channels.SEND_S", 1)
    with Trickle() as slow, Webhook() as hook:
        channels(folder, slow=f"{slow.url}?rto={PATIENCE_S}", hook=hook.url)
        code, out, _ = ctl("notify", "test")
        assert (code, out) == (
            3, "slow\tjson://***\tfailed\tno whole answer within 1 s\nhook\tjson://***\tok\t\n"
        )  # fmt: skip
        sync(ctl, until=True)
        code, _, err = ctl("notify", "run")
        assert (code, err) == (3, "notify slow: no whole answer within 1 s; 1 lines wait\n")
        assert len(hook.messages) == 2


def test_a_service_that_answers_what_its_plug_in_cannot_read_holds_up_no_other(folder, ctl, monkeypatch):
    from apprise.plugins.slack import NotifySlack

    with Webhook() as odd, Webhook() as hook:
        odd.answer = b'"x"'
        monkeypatch.setattr(NotifySlack, "api_url", f"http://127.0.0.1:{odd.port}/{{}}")
        channels(folder, odd="slack://xoxb-1234-1234-abcdefghij/#general", hook=hook.url)
        sync(ctl, until=True)
        code, _, err = ctl("notify", "run")
        assert (code, err) == (3, "notify odd: AttributeError: 'str' object has no attribute 'get'; 1 lines wait\n")
        assert len(hook.messages) == 1


def test_a_message_that_is_sent_on_was_not_taken(folder, ctl):
    """Sent on, a POST becomes a GET without its body: nobody is told."""
    with Webhook() as hook:
        hook.status = 301
        channels(folder, hook=hook.url)
        code, out, _ = ctl("notify", "test")
        assert (code, out.split("\t")[2]) == (1, "failed")


def test_the_words_of_a_venue_are_one_short_line(folder, ctl):
    sync(ctl, until=True)
    path = folder / "data/wallet/MEXC.json"
    wallet = json.loads(path.read_text())
    for network in wallet["assets"]["USDT"]["networks"].values():
        network["note"] = "suspended\x1b[31m\n" + "because " * 2000
    path.write_text(json.dumps(wallet))
    _, out, _ = ctl("notify", "run", "--dry-run", "--json")
    text = next(line["text"] for line in json.loads(out)["results"] if "tron" in line["text"])
    assert "; MEXC: suspended [31m because because " in text
    assert text.isprintable()
    assert len(text) < 400


def test_the_name_of_the_program_in_a_url_hides_no_hint(folder, ctl):
    with Webhook() as hook:
        channels(folder, hook=hook.url.replace("://", "://marketctl:pass-word@") + "/marketctl")
        _, _, err = ctl("notify", "test", "none")
        assert err.endswith("Next: marketctl notify status.\n")


def test_a_bug_in_a_look_is_told_and_ends_neither_the_run_nor_the_looks(folder, ctl, monkeypatch):
    def broken(*_: object, **_more: object) -> None:
        raise ZeroDivisionError

    with Webhook() as hook:
        channels(folder, hook=hook.url)
        monkeypatch.setattr("marketctl.notify.work.tell", broken)
        code, _, err = ctl("run", "--once", "--task", "wallet", "--notify", "-q")
    assert (code, err.splitlines()[0], err.splitlines()[-1]) == (3, "nobody was told:", "ZeroDivisionError")


def test_run_needs_a_channel_before_it_begins(folder, ctl):
    code, out, err = ctl("run", "--once", "--notify")
    assert (code, out) == (4, "")
    assert err.startswith("marketctl: there is no channel in [notify] of ")
    assert not (folder / "data").exists()


def test_urls_that_are_none_are_refused_without_being_shown(folder, ctl):
    channels(folder, ops=f"not a url {SECRET}")
    code, out, err = ctl("notify", "status")
    assert (code, out) == (4, "")
    assert "[notify] ops: found another text (not shown: it is a secret), expected a URL" in err


@pytest.mark.parametrize(("more", "seconds"), [("", 20.0), ("?rto=3", 3.0), ("?format=text&rto=5.5", 5.5)])
def test_a_receiver_has_time_to_answer(more, seconds):
    assert open_channel("x", f"json://127.0.0.1/path{more}").request_timeout == (4.0, seconds)


def test_a_channel_is_opened_by_apprise():
    assert type(open_channel("x", "json://127.0.0.1:9/x")).__name__ == "NotifyJSON"


def test_a_working_directory_that_is_gone_is_told_and_loses_nothing(folder, ctl, tmp_path):
    """apprise asks for it while it is imported, which is when the first message is sent."""
    with Webhook() as hook:
        channels(folder, hook=hook.url)
        sync(ctl, until=True)
        gone = tmp_path / "gone"
        gone.mkdir()
        start = [sys.executable, "-c", "import os, sys; os.rmdir(os.getcwd()); os.execv(sys.executable, sys.argv[1:])"]
        words = [sys.executable, "-m", "marketctl", "--config", str(folder / "providers.toml"), "notify", "run", "-q"]
        done = subprocess.run([*start, *words], cwd=gone, capture_output=True, text=True, check=False)
        told = "notify hook: apprise does not load: the working directory is gone; 1 lines wait\n"
        assert (done.returncode, done.stdout, done.stderr) == (1, "", told)
        assert ctl("notify", "run", "-q") == (0, "", "")
        assert len(hook.messages) == 1


def test_the_log_is_bounded_and_tells_from_when_on_it_is_known(folder, ctl, monkeypatch):
    monkeypatch.setattr("marketctl.notify.work.LOG_BYTES", 2000)
    path = folder / "data/state/notify.jsonl"
    line = {"kind": "door", "status": "new", "keys": ["k"], "text": "closed", "channels": ["ops"], "muted": False}
    lines = [line | {"at": f"2026-01-01T00:00:{n:02}.000Z"} for n in range(30)]
    append_journal(path, lines)
    with Webhook() as hook:
        channels(folder, hook=hook.url)
        sync(ctl, until=True)
        assert ctl("notify", "run", "-q") == (0, "", "")
    assert 1000 - 200 < path.stat().st_size <= 1000
    code, out, err = ctl("notify", "log", "--since", "2026-01-01", "--json")
    told = json.loads(out)
    kept = [one["at"] for one in told["results"]]
    assert (code, told["begins_at"], kept[:-1]) == (0, kept[0], [one["at"] for one in lines[-len(kept) + 1 :]])
    assert err == f"asked since 2026-01-01T00:00:00.000Z, but nothing is kept from before {kept[0]}\n"
    assert ctl("notify", "log", "--since", kept[0])[2] == ""
    path.write_text(json.dumps(lines[9]) + "\n")  # short: nothing went
    assert ctl("notify", "log", "--since", "2026-01-01")[2] == ""


def test_lines_of_the_log_that_cannot_be_read_are_told_and_end_with_3(folder, ctl):
    path = folder / "data/state/notify.jsonl"
    line = {"at": "2999-01-01T00:00:00.000Z", "kind": "door", "status": "new", "keys": ["k"], "text": "closed"}
    good = json.dumps(line | {"channels": ["ops"], "muted": False}) + "\n"
    broken = '{\n{"at": "2999-01-01T00:00:00.000Z"}\n' + json.dumps(line | {"channels": 5, "muted": False}) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(broken + good)
    told = f"{path}: 3 lines cannot be read, the rest is shown\n"
    assert ctl("notify", "log") == (3, "2999-01-01T00:00:00.000Z\tdoor\tnew\tops\tclosed\n", told)
    code, out, err = ctl("notify", "log", "--json")
    assert (code, json.loads(out)["results"], err) == (3, [json.loads(good)], told)
    path.write_text("{\n" + good)
    assert ctl("notify", "log", "-q")[2] == f"{path}: 1 line cannot be read, the rest is shown\n"
