#!/usr/bin/env python3
"""The units of packaging/ under systemd: read by `systemd-analyze`, and run by a systemd of its own.

    tests/systemd.py --tamis target/debug/tamis

A systemd is started as PID 1 of new namespaces (mounts, processes, network, cgroups) over a throw-away overlay of this machine's file
system: nothing outside is touched, and ports are its own. It starts Tamis by the units as they are packaged, a vendor stands beside it, and
readiness, sandbox, state, names that move, reload, restart, socket activation and stop are looked at.

Needs root and systemd 250 or newer. What cannot be run here is told, one line each, and the exit status is 3 when nothing failed but
something was not run. Closing line: `N passed, N failed`.
"""
import argparse
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UNITS = [ROOT / "packaging" / name for name in ("tamis.service", "tamis.socket")]
# systemd-analyze's measure of exposure, 0 (none) to 10. What is left: the network itself, which a proxy needs.
EXPOSURE = 1.5
WAIT = 60

CONFIG = """\
[gateway]
listen = "127.0.0.1:8080"
[admin]
listen = "127.0.0.1:9090"
[[route]]
vendor = "mixpanel"
upstream = "http://127.0.0.1:9999"
"""
# What a systemd of the namespaces runs beside Tamis: a vendor that answers at once.
VENDOR = r"""
import http.server
class Vendor(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with open("/run/seen", "ab") as seen:
            seen.write(self.connection.getsockname()[0].encode() + b" " + body + b"\n")
        self.send_response(200)
        self.send_header("content-length", "1")
        self.end_headers()
        self.wfile.write(b"1")
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("0.0.0.0", 9999), Vendor).serve_forever()
"""
# Lets nobody in at [::1]:9999 and says nothing: its queue is full, so the kernel drops what knocks.
SILENT = r"""
import socket, time
mute = socket.socket(socket.AF_INET6)
mute.bind(("::1", 9999))
mute.listen(0)
held = []
while True:
    knock = socket.socket(socket.AF_INET6)
    knock.settimeout(0.3)
    try:
        knock.connect(("::1", 9999))
    except TimeoutError:
        break
    held.append(knock)
open("/run/silent", "w").close()
time.sleep(1000)
"""
# Asks the gateway at a port inside of the namespaces; prints the status.
ASK = r"""
import http.client, sys
body = b'[{"event":"e","properties":{"token":"t","distinct_id":"member-1","$email":"jane.roe@example.com"}}]'
at = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=30)
at.request("POST", "/mixpanel/track", body, {"content-type": "application/json"})
print(at.getresponse().status)
"""
# Run in the new namespaces: builds the root and becomes PID 1 of it.
BOOT = r"""
set -eu
work=$1 tamis=$2 units=$3
mount --make-rprivate /
mount -t tmpfs tmpfs "$work"
mkdir "$work/upper" "$work/work" "$work/root"
root=$work/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
for name in null zero full random urandom tty; do touch "$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"; done
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
# Nothing of this machine is started, and nothing that reaches for its kernel.
rm -rf "$root"/etc/systemd/system "$root"/etc/systemd/network "$root"/lib/systemd/system/*.wants "$root"/usr/lib/systemd/system/*.wants \
  "$root"/var/lib/tamis "$root"/var/lib/private/tamis "$root"/etc/tamis "$root"/var/log/journal "$root"/etc/fstab "$root"/etc/rc.local "$root"/lib/systemd/system-generators "$root"/usr/lib/systemd/system-generators
mkdir -p "$root/etc/systemd/system" "$root/etc/tamis"
cp "$units"/* "$root/etc/systemd/system/"
cp "$units/tamis.toml" "$root/etc/tamis/"
rm -f "$root/usr/bin/tamis"
touch "$root/usr/bin/tamis"
mount --bind "$tamis" "$root/usr/bin/tamis"
cd "$root"
mkdir old
pivot_root . old
umount -l /old
python3 -c 'import fcntl, socket, struct
s = socket.socket()
fcntl.ioctl(s, 0x8914, struct.pack("16sh", b"lo", 1 | 8))'
for systemd in /lib/systemd/systemd /usr/lib/systemd/systemd; do
  [ ! -x $systemd ] || exec env -i container=tamis-test PATH=/usr/sbin:/usr/bin:/sbin:/bin $systemd --system --unit=basic.target --show-status=no
done
"""


class Checks:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, 0, 0

    def that(self, what, good, seen=""):
        if good:
            self.passed += 1
            print(f"ok       {what}")
        else:
            self.failed += 1
            print(f"FAILED   {what}: {str(seen).strip()[-2000:]}")
        return good

    def not_run(self, what, why):
        self.skipped += 1
        print(f"NOT RUN  {what}: {why}")


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT, check=False, **more)


def until(what, seconds=WAIT):
    """Waits until something is true; answers what it last was."""
    end = time.monotonic() + seconds
    while True:
        got = what()
        if got or time.monotonic() > end:
            return got
        time.sleep(0.05)


def analyze(checks, tamis):
    if not shutil.which("systemd-analyze"):
        return checks.not_run("systemd-analyze verify, security", "there is no systemd-analyze")
    with tempfile.TemporaryDirectory() as folder:
        # The program that the unit names is put where one stands.
        for unit in UNITS:
            (Path(folder) / unit.name).write_text(unit.read_text().replace("/usr/bin/tamis", str(tamis)))
        names = [str(Path(folder) / unit.name) for unit in UNITS]
        done = run("systemd-analyze", "verify", "--man=no", *names)
        about = [line for line in (done.stdout + done.stderr).splitlines() if "tamis" in line]
        checks.that("systemd-analyze verify has nothing to say", done.returncode == 0 and not about, done.stdout + done.stderr)
        done = run("systemd-analyze", "security", "--offline=true", "--json=short", names[0])
        if done.returncode != 0 or not done.stdout.startswith("["):
            return checks.that("systemd-analyze security reads the unit", False, done.stdout + done.stderr)
        rows = json.loads(done.stdout)
        exposed = {row["json_field"] for row in rows if row["set"] is False and float(row["exposure"] or 0) >= 0.2}
        overall = run("systemd-analyze", "security", "--offline=true", f"--threshold={int(EXPOSURE * 10)}", names[0])
        print(f"         exposed by 0.2 or more: {' '.join(sorted(exposed)) or 'nothing'}")
        line = next((line for line in overall.stdout.splitlines() if "Overall" in line), "")
        print(f"         {re.sub(r'[^ -~]+', '', line).strip()}")
        checks.that(f"its exposure is at most {EXPOSURE} of 10", overall.returncode == 0, line)


class Systemd:
    """A systemd in namespaces; all of it ends with this object."""

    def __init__(self, tamis):
        self.folder = Path(tempfile.mkdtemp(prefix="tamis-systemd-"))
        self.group = None
        units = self.folder / "units"
        units.mkdir()
        (self.folder / "work").mkdir()
        for unit in UNITS:
            shutil.copy(unit, units)
        (units / "tamis.toml").write_text(CONFIG)
        (units / "vendor.py").write_text(VENDOR)
        (units / "silent.py").write_text(SILENT)
        (units / "silent.service").write_text("[Service]\nExecStart=/usr/bin/env python3 /etc/systemd/system/silent.py\n")
        (units / "vendor.service").write_text("[Service]\nExecStart=/usr/bin/env python3 /etc/systemd/system/vendor.py\n")
        boot = self.folder / "boot.sh"
        boot.write_text(BOOT)
        self.log = (self.folder / "log").open("w+")
        # A cgroup of its own, which is the root of what it sees.
        self.cgroups = self.folder / "cgroups"
        self.cgroups.mkdir()
        done = run("mount", "-t", "cgroup2", "cgroup2", str(self.cgroups))
        self.process = None
        self.pid = None
        if done.returncode:
            self.error = f"cgroup2 cannot be mounted: {done.stderr.strip()}"
            return
        self.group = self.cgroups / f"tamis-test-{os.getpid()}"
        self.group.mkdir()
        group = self.group / "cgroup.procs"

        def join():
            # SIGKILL when this script ends, however it ends.
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)
            group.write_text("0")

        command = ["unshare", "--fork", "--kill-child", "--pid", "--mount", "--net", "--uts", "--ipc", "--cgroup", "bash", str(boot)]
        self.process = subprocess.Popen(
            [*command, str(self.folder / "work"), str(tamis), str(units)],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, preexec_fn=join,
        )
        self.pid = until(self.first)
        up = self.pid and until(lambda: self.process.poll() is None and "running" in self.ctl("is-system-running").stdout or None)
        self.error = None if up else f"systemd did not come up: {self.said()} {self.ctl('is-system-running').stdout if self.pid else ''}"

    def said(self):
        self.log.seek(0)
        return self.log.read()[-1500:]

    def first(self):
        """The number, out here, of the process that is 1 in there, once it is systemd."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found = children.read_text().split() if children.exists() else []
        name = Path(f"/proc/{found[0]}/comm") if found else None
        return found[0] if name and name.exists() and name.read_text().strip() == "systemd" else None

    def inside(self, *command):
        return run("nsenter", "-t", self.pid, "-m", "-p", "-n", "-u", "-i", "-C", *command)

    def ctl(self, *args):
        return self.inside("systemctl", "--no-pager", *args)

    def show(self, unit, name):
        return self.ctl("show", "--value", "-p", name, unit).stdout.strip()

    def ask(self, port):
        done = self.inside("python3", "-c", ASK, str(port))
        return done.stdout.strip() or done.stderr.strip().splitlines()[-1]

    def write(self, path, text):
        done = run("nsenter", "-t", self.pid, "-m", "sh", "-c", 'cat > "$0.new" && mv "$0.new" "$0"', path, input=text)
        assert done.returncode == 0, done.stderr

    def main(self):
        """The main process's number, out here."""
        inner = self.show("tamis.service", "MainPID")
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                text = status.read_text()
            except OSError:
                continue
            numbers = re.search(r"^NSpid:\s+(.*)$", text, re.M)
            if text.startswith("Name:\ttamis\n") and numbers and numbers[1].split()[-1] == inner and len(numbers[1].split()) > 1:
                return status.parent
        return None

    def end(self):
        if self.process:
            if self.pid:
                try:
                    os.kill(int(self.pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.kill()
            self.process.wait()
        if self.group:
            # Its groups are empty once the last process of the namespace is gone.
            def gone():
                for folder in sorted(self.group.rglob("*"), reverse=True):
                    if folder.is_dir():
                        try:
                            folder.rmdir()
                        except OSError:
                            return False
                try:
                    self.group.rmdir()
                except OSError:
                    return False
                return True
            until(gone, 10)
            run("umount", str(self.cgroups))
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def journal(systemd):
    return systemd.inside("journalctl", "--no-pager", "-u", "tamis.service", "-o", "cat").stdout


def serves(checks, systemd):
    that = checks.that
    systemd.ctl("start", "systemd-journald.socket", "systemd-journald.service", "vendor.service")
    done = systemd.ctl("start", "tamis.service")
    started = that("systemctl start waits for READY=1 and succeeds", done.returncode == 0, systemd.ctl("status", "tamis.service").stdout + journal(systemd))
    if not started:
        return False
    that("the unit is active", systemd.show("tamis.service", "ActiveState") == "active")
    until(lambda: systemd.inside("python3", "-c", 'import socket; socket.create_connection(("127.0.0.1", 9999))').returncode == 0)
    that("a request passes", systemd.ask(8080) == "200", systemd.ask(8080) + journal(systemd))
    seen = systemd.inside("cat", "/run/seen").stdout
    that("and is judged", seen.startswith("127.0.0.1 ") and '"event"' in seen and "jane" not in seen and "member-1" not in seen, seen)
    return True


def sandboxed(checks, systemd):
    that = checks.that
    proc = systemd.main()
    if not that("the main process is there", proc is not None):
        return
    status = (proc / "status").read_text()
    field = lambda name: re.search(rf"^{name}:\s+(.*)$", status, re.M)[1].split()
    that("an unprivileged user of its own", all(int(uid) >= 61184 for uid in field("Uid")), field("Uid"))
    caps = [int(field(name)[0], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")]
    that("no capabilities", not any(caps), caps)
    that("no new privileges, system calls filtered", field("NoNewPrivs") == ["1"] and field("Seccomp") == ["2"], status)
    limits = (proc / "limits").read_text()
    that("no core", re.search(r"^Max core file size\s+0\s+0\s", limits, re.M), limits)
    files = re.search(r"^Max open files\s+(\d+)\s+(\d+)", limits, re.M)
    that(f"descriptors: {files[1]}, as many as this machine allows", files[1] == files[2] and int(files[1]) > 1024, limits)
    # Its own view of the file system, read off its table of mounts.
    mounts = [line.split() for line in (proc / "mountinfo").read_text().splitlines()]
    by_place = {fields[4]: fields[5].split(",") for fields in mounts}
    that("the file system is read-only", "ro" in by_place["/"], by_place["/"])
    writable = sorted(place for place, options in by_place.items() if "rw" in options)
    odd = [place for place in writable if not re.match(r"/(dev|proc|run|tmp|var/tmp|var/lib/(private/)?tamis|sys/fs/cgroup)", place)]
    that("but for its state and what is private to it", not odd, odd)
    tried = run("nsenter", "-t", proc.name, "-m", "sh", "-c", "touch /usr/x /etc/x /home/x /var/lib/x")
    that("root itself could not write there", tried.returncode != 0 and tried.stderr.count("Read-only file system") >= 3, tried.stderr)
    state = systemd.inside("sh", "-c", "stat -Lc '%a' /var/lib/tamis /var/lib/tamis/keys/primary/1.key").stdout.split()
    that("state 0700, key 0600", state == ["700", "600"], state)
    denied = [line for line in journal(systemd).splitlines() if "Operation not permitted" in line or "panick" in line]
    that("nothing was refused to it", not denied, denied)


def names(checks, systemd):
    """Names are looked up anew for each connection, and both families are tried."""
    that = checks.that

    def ask_at(hosts):
        systemd.write("/etc/hosts", "127.0.0.1 localhost\n" + hosts)
        begun = time.monotonic()
        status = systemd.ask(8080)
        where = systemd.inside("tail", "-n1", "/run/seen").stdout.split(" ")[0]
        return status, where, time.monotonic() - begun

    systemd.write("/etc/hosts", "127.0.0.2 vendor.test\n")
    systemd.write("/etc/tamis/tamis.toml", CONFIG.replace("127.0.0.1:9999", "vendor.test:9999"))
    that("an upstream by name", systemd.ctl("reload", "tamis.service").returncode == 0)
    until(lambda: ask_at("127.0.0.2 vendor.test\n")[1] == "127.0.0.2")
    seen = ask_at("127.0.0.2 vendor.test\n")
    that("is reached at its address", seen[:2] == ("200", "127.0.0.2"), seen)
    systemd.ctl("restart", "vendor.service")
    until(lambda: systemd.inside("python3", "-c", 'import socket; socket.create_connection(("127.0.0.1", 9999))').returncode == 0)
    seen = ask_at("127.0.0.3 vendor.test\n")
    that("and at its new one when it moves, without a reload", seen[:2] == ("200", "127.0.0.3"), seen)
    if systemd.inside("python3", "-c", 'import socket; socket.socket(socket.AF_INET6).bind(("::1", 0))').returncode:
        checks.not_run("IPv6 and IPv4 raced", "there is no IPv6 here")
    else:
        systemd.ctl("start", "silent.service")
        filled = until(lambda: systemd.inside("test", "-e", "/run/silent").returncode == 0)
        systemd.ctl("restart", "vendor.service")
        until(lambda: systemd.inside("python3", "-c", 'import socket; socket.create_connection(("127.0.0.1", 9999))').returncode == 0)
        seen = ask_at("::1 vendor.test\n127.0.0.4 vendor.test\n")
        that(f"IPv6 is silent: IPv4 answers after {seen[2]:.1f} s", filled and seen[:2] == ("200", "127.0.0.4") and seen[2] < 5, seen)
        alone = ask_at("127.0.0.4 vendor.test\n")
        that("kept, the next takes no time", alone[:2] == ("200", "127.0.0.4"), alone)
        systemd.ctl("stop", "silent.service")
    systemd.write("/etc/tamis/tamis.toml", CONFIG)
    systemd.ctl("reload", "tamis.service")


def lives(checks, systemd):
    that = checks.that
    pid = systemd.show("tamis.service", "MainPID")
    key = systemd.inside("sha256sum", "/var/lib/tamis/keys/primary/1.key").stdout
    config = "/etc/tamis/tamis.toml"
    systemd.write(config, CONFIG + '[limits]\nbody = "4"\n')
    done = systemd.ctl("reload", "tamis.service")
    that("systemctl reload succeeds", done.returncode == 0, done.stderr)
    that("and takes effect", until(lambda: systemd.ask(8080) == "413"), systemd.ask(8080))
    told = until(lambda: "on disk" in systemd.show("tamis.service", "StatusText"))
    that("the unit's status tells so", told, systemd.show("tamis.service", "StatusText"))
    systemd.write(config, CONFIG.replace("[admin]", "[admni]"))
    done = systemd.ctl("reload", "tamis.service")
    that("a configuration that does not check fails the reload", done.returncode != 0, done.stdout)
    that("with the reason in the journal", "admni" in journal(systemd), journal(systemd))
    that("and the old one stays in force", systemd.ask(8080) == "413", systemd.ask(8080))
    systemd.write(config, CONFIG)
    that("mended", systemd.ctl("reload", "tamis.service").returncode == 0)
    that("in force again", until(lambda: systemd.ask(8080) == "200"), systemd.ask(8080))
    that("all in one process", systemd.show("tamis.service", "MainPID") == pid)
    systemd.ctl("kill", "-s", "KILL", "tamis.service")
    back = until(lambda: systemd.show("tamis.service", "MainPID") not in ("0", pid) and systemd.show("tamis.service", "ActiveState") == "active")
    that("killed, it is back", back and systemd.ask(8080) == "200", systemd.ctl("status", "tamis.service").stdout)
    that("with the same key", systemd.inside("sha256sum", "/var/lib/tamis/keys/primary/1.key").stdout == key)
    begun = time.monotonic()
    done = systemd.ctl("stop", "tamis.service")
    took = time.monotonic() - begun
    good = systemd.show("tamis.service", "Result") == "success" and systemd.show("tamis.service", "ExecMainStatus") == "0"
    that(f"systemctl stop ends it in order ({took:.1f} s)", done.returncode == 0 and good, systemd.ctl("status", "tamis.service").stdout)


def activated(checks, systemd):
    that = checks.that
    # A port below 1024, which the service itself may not open; and sockets for the others, as the unit's comment says.
    systemd.inside("sh", "-c", "sed -i 's/ListenStream=8080/ListenStream=127.0.0.1:80/' /etc/systemd/system/tamis.socket")
    systemd.write(
        "/etc/systemd/system/tamis-admin.socket",
        "[Socket]\nListenStream=127.0.0.1:81\nFileDescriptorName=admin\nService=tamis.service\n",
    )
    systemd.ctl("daemon-reload")
    done = systemd.ctl("start", "tamis.socket", "tamis-admin.socket")
    that("the sockets are opened", done.returncode == 0, done.stderr)
    that("nothing runs until somebody asks", systemd.show("tamis.service", "ActiveState") == "inactive")
    that("the first request starts it and is answered", systemd.ask(80) == "200", systemd.ask(80) + journal(systemd))
    admin = 'import urllib.request; print(urllib.request.urlopen("http://127.0.0.1:81/readyz", timeout=30).status)'
    that("the admin listener's socket as well", systemd.inside("python3", "-c", admin).stdout.strip() == "200", journal(systemd))
    that("ports of the configuration are not opened", "refused" in systemd.ask(8080), systemd.ask(8080))
    hold = "import socket; s = socket.create_connection(('127.0.0.1', 80)); print('held')"
    systemd.ctl("stop", "tamis.service")
    that("while it is stopped, the port is still open", systemd.inside("python3", "-c", hold).stdout.strip() == "held")
    that("and it is started again", systemd.ask(80) == "200", systemd.ask(80))
    systemd.ctl("stop", "tamis.socket", "tamis-admin.socket", "tamis.service")
    that("stopped", systemd.show("tamis.service", "Result") == "success", systemd.show("tamis.service", "Result"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tamis", required=True, type=lambda path: Path(path).resolve(strict=True))
    tamis = parser.parse_args().tamis
    checks = Checks()
    analyze(checks, tamis)
    missing = [name for name in ("unshare", "nsenter", "systemctl") if not shutil.which(name)]
    if os.geteuid() != 0 or missing:
        checks.not_run("the units under a real systemd", f"needs {' '.join(missing) or 'root'}")
    else:
        systemd = Systemd(tamis)
        try:
            if systemd.error:
                checks.not_run("the units under a real systemd", systemd.error)
            else:
                print(f"         systemd {systemd.ctl('--version').stdout.split()[1]} is PID 1 of its own namespaces")
                if serves(checks, systemd):
                    sandboxed(checks, systemd)
                    names(checks, systemd)
                    lives(checks, systemd)
                    activated(checks, systemd)
        finally:
            systemd.end()
    print(f"{checks.passed} passed, {checks.failed} failed" + (f", {checks.skipped} not run" if checks.skipped else ""))
    return 1 if checks.failed else 3 if checks.skipped else 0


if __name__ == "__main__":
    sys.exit(main())
