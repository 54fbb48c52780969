"""A machine of its own for tests: Debian with systemd as PID 1, in namespaces, over a file system of its own.

Nothing of this machine is touched: it has a root, /tmp, /run, /dev, processes and a network (loopback alone) of its
own, and systemd is started only when that is seen to be so. Needs root, Linux, debootstrap, and once the network: the
root is made in .servers/ and kept. Its disk is kept over `power_off` and `boot`: a reboot.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACE = ROOT / ".servers"
RELEASE = "trixie"
MIRROR = "http://deb.debian.org/debian"
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "ca-certificates", "python3", "python3-venv", "procps", "sudo"),
    *("redis-server", "util-linux"),
)
# What a root made for the first time takes from this machine: how names are found, whom to trust.
TAKEN = ("etc/resolv.conf", "etc/ssl/certs/ca-certificates.crt")

# Device nodes and file systems of its own, then its root, then a proof that neither root nor /tmp is that of the host.
ENTER = """
set -eu
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
for one in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "dev/${one%:*}" c 1 "${one#*:}"; done
mknod -m 666 dev/tty c 5 0
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for one in 0:stdin 1:stdout 2:stderr; do ln -s "fd/${one%:*}" "dev/${one#*:}"; done
if [ -n "${BOOT:-}" ]; then
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  python3 -c 'import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh", b"lo", 0x41))'
fi
mkdir -p .host
pivot_root . .host
cd /
umount -l /.host
for place in / /tmp /run /dev; do
  case " $HOST " in *" $(stat -c %d:%i $place) "*) echo "$place is the host's: not started" >&2; exit 9 ;; esac
done
hostname machine
"""
CLEAN = "exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "
UNSHARE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--ipc", "--uts", "--propagation", "private")


class NotToBeHad(Exception):
    """This machine cannot give us one; the words say why."""


def require() -> None:
    """Raise NotToBeHad unless a machine can be made here."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise NotToBeHad("it wants root on Linux")
    for program in ("debootstrap", "unshare", "nsenter", "pivot_root"):
        if shutil.which(program) is None:
            raise NotToBeHad(f"there is no {program} (apt-get install debootstrap util-linux)")
    if _cgroups() is None:
        raise NotToBeHad("there is no cgroup2, which systemd needs")


def _cgroups() -> Path | None:
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place)
    return None


def _host() -> str:
    """Return what the new root, /tmp, /run and /dev must not be."""
    found = (Path(place).stat() for place in ("/", "/tmp", "/run", "/dev"))
    return " ".join(f"{one.st_dev}:{one.st_ino}" for one in found)


class Machine:
    """Debian with marketctl in /opt/marketctl, as the guide has it; `disk` is what it wrote."""

    def __init__(self, extras: str = "embedded,rapira,report,celery") -> None:
        self.base = PLACE / f"machine-{RELEASE}"
        self.disk = Path(tempfile.mkdtemp(prefix="disk-", dir=_made(PLACE)))
        self._extras = extras
        self._process: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._cgroup: Path | None = None

    def prepare(self) -> None:
        """Make the root once, and put the marketctl of this checkout into it."""
        if not (self.base / "done").exists():
            shutil.rmtree(self.base, ignore_errors=True)
            words = ("debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", RELEASE, self.base, MIRROR)
            _run("make a Debian", *words)
            for name in TAKEN:
                (self.base / name).write_bytes(Path("/", name).read_bytes())
            (self.base / "etc" / "hostname").write_text("machine\n")
            (self.base / "etc" / "hosts").write_text("127.0.0.1 localhost machine\n")
            (self.base / "done").touch()
        wheels = _made(PLACE / "wheel")
        for old in wheels.glob("*.whl"):
            old.unlink()
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
        _run("build a wheel", *pip, "wheel", "--no-deps", "--wheel-dir", wheels, ROOT)
        (wheel,) = wheels.glob("*.whl")
        shutil.copy(wheel, self.base / "root")
        pip_there = "/opt/marketctl/bin/pip --disable-pip-version-check --quiet install"
        script = (
            "set -e; test -d /opt/marketctl || python3 -m venv /opt/marketctl\n"
            f"{pip_there} --force-reinstall --no-deps /root/{wheel.name}\n"
            f"{pip_there} '/root/{wheel.name}[{self._extras}]'"
        )
        enter = f'mount --bind "$1" "$1"; cd "$1"\n{ENTER}{CLEAN}PIP_CERT=/{TAKEN[1]} bash -c {shlex.quote(script)}'
        _run("install marketctl", *UNSHARE, "bash", "-c", enter, "enter", self.base, env={"HOST": _host()})

    def boot(self) -> None:
        """Start systemd and wait until it has started what is enabled."""
        for name in ("upper", "work", "root"):
            _made(self.disk / name)
        cgroups = _cgroups()
        assert cgroups is not None
        self._cgroup = _made(cgroups / f"marketctl-{os.getpid()}")
        layers = f"lowerdir={self.base},upperdir={self.disk}/upper,workdir={self.disk}/work"
        mounted = f'mount -t overlay -o "{layers}" overlay "{self.disk}/root"; cd "{self.disk}/root"\n'
        start = f"{mounted}{ENTER}exec env -i container=marketctl PATH=/usr/sbin:/usr/bin /lib/systemd/systemd"
        join = f'echo $$ > {self._cgroup}/cgroup.procs; exec "$@"'
        with (self.disk / "console.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", join, "sh", *UNSHARE, "--cgroup", "--net", "bash", "-c", start],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"HOST": _host(), "BOOT": "yes"},
            )
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        until = time.monotonic() + 60
        while time.monotonic() < until and self._process.poll() is None:
            self._pid = int((children.read_text().split() or ["0"])[0])
            if self._pid and Path(f"/proc/{self._pid}/comm").read_text().strip() == "systemd":
                done = self.run("systemctl is-system-running --wait", check=False)
                if done.stdout.strip() in ("running", "degraded"):
                    return
            time.sleep(0.2)
        raise NotToBeHad(f"systemd did not start: {(self.disk / 'console.log').read_text()[-500:]}")

    def run(self, script: str, *, user: str = "root", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a line of shell in there; raises AssertionError with what it said unless it ends with 0."""
        words = ["nsenter", "-t", str(self._pid), *("-m", "-p", "-n", "-i", "-u", "-C", "-r", "-w")]
        inner = CLEAN.removeprefix("exec ").split()
        line = ["bash", "-c", script] if user == "root" else ["runuser", "-u", user, "--", "bash", "-c", script]
        done = subprocess.run([*words, *inner, *line], capture_output=True, text=True, check=False, timeout=300)
        assert not check or done.returncode == 0, f"{script}\n{done.returncode}: {done.stdout}{done.stderr}"
        return done

    def power_off(self) -> None:
        """End it at once, as a cut of power ends processes; the disk stays."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._cgroup is not None:
            until = time.monotonic() + 10
            while self._cgroup.exists() and time.monotonic() < until:
                for folder, _, _ in os.walk(self._cgroup, topdown=False):
                    try:
                        Path(folder).rmdir()
                    except OSError:
                        time.sleep(0.05)

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.power_off()
        shutil.rmtree(self.disk, ignore_errors=True)


def _made(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _run(what: str, *words: str | Path, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        [str(word) for word in words],
        env=os.environ | (env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines() or ["it said nothing"]
        raise NotToBeHad(f"cannot {what}: {' | '.join(said[-3:])}")
