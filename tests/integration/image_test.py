"""The root directory of the image, as deploy/docker/make_root makes it, entered as container engines do: read-only, by a user without a name,
as the first process, with nothing in the environment. With --long it is also made and entered with Debian 13, which is installed and builds
the programs in a directory (debootstrap, some 15 minutes), and docker, where its daemon is there, or else buildah builds both images."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from binaries import BIN, QUICK_DEMO_MODEL, SOURCE, Server, use_python_packages, wait_until

use_python_packages()
try:
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
except ImportError:
    parse_file = None

from cgroups import Group

MAKE_ROOT = SOURCE / "deploy/docker/make_root"
MOST_BYTES = 120_000_000
USER = 54321  # not in the root's /etc/passwd
LONG = "--long" in sys.argv
# Runs in namespaces of its own and becomes the program. What engines mount is there, but /dev/shm has 64 KiB and nothing else can be written.
ENTER = """
set -e
root=$1 model=$2; shift 2
mount --bind "$root" "$root"
mount -t tmpfs -o mode=755,size=64k tmpfs "$root/dev"
for node in null zero random urandom; do touch "$root/dev/$node"; mount --bind "/dev/$node" "$root/dev/$node"; done
mkdir "$root/dev/shm"
mount -t tmpfs -o mode=1777,size=64k tmpfs "$root/dev/shm"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --bind "$model" "$root/model"
mount -o remount,bind,ro "$root/model"
mount -o remount,bind,ro "$root"
exec env -i "$@"
"""


def spdx_is_missing():
    return "" if parse_file else "not run: spdx-tools of tests/requirements.txt is not installed"


def make_root(directory, *arguments, script=MAKE_ROOT, programs=BIN, environment=None):
    return subprocess.run([script, programs, directory, *arguments], capture_output=True, text=True, check=False,
                          env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000", **(environment or {})})


def as_user(root):
    return (shutil.which("chroot") or "/usr/sbin/chroot", f"--userspec={USER}:{USER}", str(root))


def children(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextlib.contextmanager
def plain_model():
    """The model without links, which would lead out of the root."""
    with tempfile.TemporaryDirectory() as directory:
        shutil.copytree(QUICK_DEMO_MODEL, directory, dirs_exist_ok=True)
        os.chmod(directory, 0o755)
        yield directory


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        os.chmod(scratch.name, 0o755)
        cls.scratch = pathlib.Path(scratch.name)
        cls.root = cls.scratch / "root"
        cls.made = make_root(cls.root)

    def test_it_is_made_and_small(self):
        self.assertEqual(self.made.returncode, 0, self.made.stderr)
        size = sum(path.lstat().st_size for path in self.root.rglob("*") if path.is_file() and not path.is_symlink())
        self.assertLess(size, MOST_BYTES)
        print(f"the root has {size / 1e6:.1f} MB")

    def test_it_has_the_programs_and_no_shell(self):
        self.assertEqual({path.name for path in (self.root / "usr/bin").iterdir()}, {"roberta-server", "roberta-client"})
        executable = [path for path in self.root.rglob("*") if path.is_file() and os.access(path, os.X_OK)
                      and not re.search(r"\.so(\.|$)", path.name) and path.parent.name != "bin"]
        self.assertEqual(executable, [])

    def test_a_second_run_gives_the_same(self):
        again = self.scratch / "again"
        self.assertEqual(make_root(again).returncode, 0)
        self.assertEqual(subprocess.run(["diff", "-r", self.root, again], capture_output=True, check=False).stdout, b"")

    def test_packages_are_recorded_with_their_versions(self):
        lines = (self.root / "usr/share/roberta-serve/packages").read_text().splitlines()
        self.assertGreater(len(lines), 10)
        for line in lines:
            name, version, architecture = line.split()
            installed = subprocess.run(["dpkg-query", "--show", "--showformat", "${Version} ${Architecture}\n", name], capture_output=True,
                                       text=True, check=True).stdout.splitlines()
            self.assertIn(f"{version} {architecture}", installed, line)

    @unittest.skipIf(spdx_is_missing(), spdx_is_missing())
    def test_its_bill_of_materials_is_valid_and_whole(self):
        sbom = self.root / "usr/share/roberta-serve/sbom.spdx.json"
        document = parse_file(str(sbom))
        self.assertEqual(validate_full_spdx_document(document), [])
        self.assertEqual(document.creation_info.spdx_version, "SPDX-2.3")
        text = json.loads(sbom.read_text())
        listed = {entry["fileName"][2:] for entry in text["files"]}
        here = {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file() and not path.is_symlink()
                and (".so" in path.name or path.parent.name == "bin" or path.name == "ca-certificates.crt")}
        self.assertLessEqual(here, listed)
        version = subprocess.run([BIN / "roberta-server", "--version"], capture_output=True, text=True, check=True).stdout
        self.assertIn(text["packages"][0]["versionInfo"], version)

    def test_what_cannot_be_made_is_said_in_a_line(self):
        for arguments, words in (((self.root,), "not an empty directory"), ((self.scratch / "a", "--program", "absent"), "no such program"),
                                 ((self.scratch / "b", "--most-mb", "1"), "must be at most 1 MB")):
            result = make_root(*arguments)
            self.assertEqual(result.returncode, 1)
            self.assertIn(words, result.stderr)
            self.assertEqual(result.stderr.count("\n"), 1, result.stderr)

    def test_the_dockerfile_makes_it_by_the_same_script(self):
        text = (SOURCE / "deploy/docker/Dockerfile").read_text()
        self.assertIn("deploy/docker/make_root --revision", text)
        version = re.search(r"project\(roberta_serve VERSION (\S+)", (SOURCE / "CMakeLists.txt").read_text())[1]
        self.assertEqual(set(re.findall(r"^ARG VERSION=(\S+)", text, re.M)), {version})

    def test_it_serves_as_a_container_does(self):
        serve(self, self.root)


def serve(test, root):
    if os.geteuid() != 0:
        test.skipTest("not run: it needs root")
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False).returncode != 0:
        test.skipTest("not run: no namespaces can be made here")
    with contextlib.ExitStack() as stack:
        model = stack.enter_context(plain_model())
        try:
            limits = stack.enter_context(Group(cores=0.5, memory=256 << 20)).through
        except unittest.SkipTest as reason:
            print(f"{reason}: entered without half a core", file=sys.stderr)
            limits = ()
        through = (*limits, "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", ENTER,
                   "sh", str(root), model, *as_user(root))
        server = Server("--host", "0.0.0.0", "--allow-insecure", "--model", "/model", "--http-port", "off", model=None,
                        program="/usr/bin/roberta-server", through=through)
        with server, contextlib.ExitStack() as ending:
            first = children(server.pid)[0]
            ending.callback(end, first)  # unshare does not pass signals on
            _, port = server.address.rsplit(":", 1)

            def client(*arguments):
                return subprocess.run(["env", "-i", *as_user(root), "/usr/bin/roberta-client", "--address", f"127.0.0.1:{port}", *arguments],
                                      capture_output=True, text=True, timeout=60, check=False)
            answer = client("classify", "--json", "a warm, funny and deeply moving film")
            test.assertEqual(answer.returncode, 0, answer.stderr)
            test.assertEqual(json.loads(answer.stdout)["label"], "positive")
            health = client("--deadline", "4", "health")
            test.assertEqual((health.returncode, health.stdout), (0, "SERVING\n"))
            log = "".join(server.log)
            if limits:
                test.assertIn("quota 0.5 cores, 1 executors", log)
                test.assertIn("of 256.0 MiB (", log)

            status = pathlib.Path(f"/proc/{first}/status").read_text()
            test.assertRegex(status, r"NSpid:\s+\d+\s+1\n")
            test.assertRegex(status, rf"Uid:\s+{USER}\s+{USER}")
            reaps_orphans(test, first)
            os.kill(first, signal.SIGTERM)
            test.assertEqual(server.wait(), 0)
        test.assertIn("stopping on signal 15", "".join(server.log))
        test.assertEqual(client("--deadline", "4", "health").returncode, 1)


def end(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def reaps_orphans(test, first):
    """A process of the namespace of `first` loses its parent, becomes a child of `first`, and ends: nothing may be left of it."""
    orphan = ("import os, sys\n"
              "if os.fork() == 0:\n    sys.stdin.read()\n    os._exit(0)\n")  # it lives until its input ends
    with subprocess.Popen(["nsenter", "--pid", "--target", str(first), "/usr/bin/python3", "-c", orphan], stdin=subprocess.PIPE) as parent:
        wait_until(lambda: children(first))  # it has been adopted
        parent.stdin.close()
        wait_until(lambda: not children(first))


@unittest.skipUnless(LONG, "not run: it takes some 15 minutes (--long)")
class Debian13(unittest.TestCase):
    def test_with_debian_13(self):
        if os.geteuid() != 0 or shutil.which("debootstrap") is None:
            self.skipTest("not run: it needs root and debootstrap")
        scratch = pathlib.Path(tempfile.mkdtemp(prefix="roberta-image-", dir="/var/tmp"))
        self.addCleanup(lambda: subprocess.run(["rm", "-rf", "--one-file-system", scratch], check=False))
        scratch.chmod(0o755)
        run_in = SOURCE / "tests/fresh_machine/run"
        made = subprocess.run([run_in, "--suite", "trixie", "--image", scratch / "root"], text=True, check=False)
        self.assertEqual(made.returncode, 0)
        self.assertIn('VERSION_CODENAME=trixie', (scratch / "root/etc/os-release").read_text())
        serve(self, scratch / "root")


DOCKERFILE = "deploy/docker/Dockerfile"


@unittest.skipUnless(LONG, "not run: it takes some 15 minutes (--long)")
class Engine(unittest.TestCase):
    def test_docker_builds_both_images(self):
        if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode != 0:
            self.skipTest("not run: there is no docker here, or no daemon of it")
        for target in ("server", "full"):
            subprocess.run(["docker", "build", "--file", SOURCE / DOCKERFILE, "--target", target, "--tag", f"roberta-serve-test:{target}", SOURCE],
                           check=True)
        size = subprocess.run(["docker", "image", "inspect", "--format", "{{.Size}}", "roberta-serve-test:server"], capture_output=True,
                              text=True, check=True).stdout
        self.assertLess(int(size), MOST_BYTES)

    def test_buildah_builds_both_images_and_they_serve(self):
        if os.geteuid() != 0 or shutil.which("debootstrap") is None or shutil.which("buildah") is None:
            self.skipTest("not run: it needs root, debootstrap and buildah")
        scratch = pathlib.Path(tempfile.mkdtemp(prefix="roberta-engine-", dir="/var/tmp"))
        self.addCleanup(lambda: subprocess.run(["rm", "-rf", "--one-file-system", scratch], check=False))
        scratch.chmod(0o755)

        def buildah(*arguments, output=subprocess.PIPE):
            return subprocess.run(["buildah", "--root", scratch / "store", "--runroot", scratch / "run", *arguments], stdout=output, text=True,
                                  check=True).stdout

        def container_of(image):
            """The root directory of a new container."""
            return pathlib.Path(buildah("mount", buildah("from", image).strip()).strip())
        self.addCleanup(buildah, "rm", "--all")  # which unmounts their roots
        # A base from the mirror of this machine: no registry is needed.
        subprocess.run([SOURCE / "tests/fresh_machine/run", "--suite", "trixie", "--bare", scratch / "debian"], check=True)
        subprocess.run(["cp", "-a", f"{scratch}/debian/.", container_of("scratch")], check=True)
        buildah("commit", "working-container", "localhost/debian:bare")
        subprocess.run(["git", "clone", "--quiet", SOURCE, scratch / "clone"], check=True)
        for target in ("server", "full"):
            buildah("bud", "--format", "docker", "--isolation", "chroot", "--network", "host", "--layers", "--build-arg",
                    "DEBIAN=localhost/debian:bare", "--file", scratch / "clone" / DOCKERFILE, "--target", target, "--tag",
                    f"localhost/roberta-serve:{target}", scratch / "clone", output=None)
            root = container_of(f"localhost/roberta-serve:{target}")
            size = sum(path.lstat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())
            print(f"the image {target} has {size / 1e6:.1f} MB")
            if target == "server":
                self.assertLess(size, MOST_BYTES)
            else:
                for program in ("roberta-model", "roberta-loadtest"):
                    subprocess.run([*as_user(root), program, "--version"], check=True)
                (root / "model").mkdir()  # where serve has its model
            serve(self, root)


if __name__ == "__main__":
    sys.argv = [argument for argument in sys.argv if argument != "--long"]
    unittest.main()
