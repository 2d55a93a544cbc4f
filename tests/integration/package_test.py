"""The Debian packages: what is in them, what they need, and that it runs from where it is unpacked. tests/fresh_machine/run --debs installs,
runs, removes and purges them in a bare root."""

import gzip
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from binaries import BUILD, QUICK_DEMO_MODEL, SOURCE

# What lintian says and is meant: the maintainer is for who builds packages for others to choose (CPACK_PACKAGE_CONTACT), the license of the
# demo model is in its own words, and CPack has ldconfig run for a library that no program is linked with.
ACCEPTED_TAGS = {"bogus-mail-host", "bogus-mail-host-in-debian-changelog", "copyright-without-copyright-notice", "maintscript-calls-ldconfig"}
SUBCOMMANDS = {"roberta-server": ["make-token"], "roberta-client": ["classify", "set-default"], "roberta-model": ["prune"],
               "roberta-loadtest": ["suite"]}


@unittest.skipIf(shutil.which("help2man") is None or shutil.which("dpkg-shlibdeps") is None,
                 "not run: there is no help2man or no dpkg-dev here")
class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        directory = pathlib.Path(cls.directory.name)
        # Not the model, which is only large.
        result = subprocess.run(["cpack", "--config", str(BUILD / "CPackConfig.cmake"), "-B", str(directory / "made"),
                                 "-D", "CPACK_COMPONENTS_ALL=server;tools"], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        cls.packages = {path.name.split("_")[0]: path for path in (directory / "made").glob("*.deb")}
        cls.root = directory / "root"
        for package in cls.packages.values():
            subprocess.run(["dpkg-deb", "--extract", str(package), str(cls.root)], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def field(self, package, name):
        return subprocess.run(["dpkg-deb", "--field", str(self.packages[package]), name], capture_output=True, text=True,
                              check=True).stdout.strip()

    def run_there(self, program, *arguments):
        return subprocess.run([str(self.root / "usr/bin" / program), *map(str, arguments)], capture_output=True, text=True, check=False)

    def test_server_and_tools_are_apart_and_need_what_they_are_linked_with(self):
        self.assertEqual(self.packages.keys(), {"roberta-server", "roberta-tools"})
        for package, needs, needs_not in (("roberta-server", ("adduser", "libprometheus-cpp-core", "libssl3"), ("libcairo2", "libtorch")),
                                          ("roberta-tools", ("libcairo2", "libcurl"), ("adduser", "libprometheus", "libtorch"))):
            depends = self.field(package, "Depends")
            for name in ("libgrpc++", "libdnnl", *needs):
                self.assertIn(name, depends)
            for name in needs_not:
                self.assertNotIn(name, depends)

    def test_the_configuration_is_the_administrators(self):
        control = pathlib.Path(self.directory.name, "control")
        subprocess.run(["dpkg-deb", "--control", str(self.packages["roberta-server"]), str(control)], check=True)
        self.assertEqual((control / "conffiles").read_text().split(), ["/etc/roberta-serve/server.textproto"])
        self.assertTrue((self.root / "etc/roberta-serve/server.textproto").exists())
        for script in ("postinst", "prerm", "postrm"):
            self.assertEqual(subprocess.run(["sh", "-n", str(control / script)], check=False).returncode, 0)

    def test_the_service_starts_what_is_installed_as_the_user_that_is_made(self):
        unit = (self.root / "usr/lib/systemd/system/roberta-server.service").read_text()
        self.assertIn("\nExecStart=/usr/bin/roberta-server --config /etc/roberta-serve/server.textproto\n", unit)
        self.assertIn("\nUser=roberta-serve\n", unit)
        result = self.run_there("roberta-server", "--config", self.root / "etc/roberta-serve/server.textproto", "--model", QUICK_DEMO_MODEL,
                                "--check-config")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_programs_run_and_have_manual_pages_completion_and_licenses(self):
        for program, subcommands in SUBCOMMANDS.items():
            result = self.run_there(program, "--version")
            self.assertEqual(result.returncode, 0, result.stderr)
            for name in (program, *(f"{program}-{subcommand}" for subcommand in subcommands)):
                with gzip.open(self.root / "usr/share/man/man1" / f"{name}.1.gz", "rt") as page:
                    text = page.read().replace("\\-", "-")
                self.assertIn(f".SH NAME\n{name} - ", text)
                self.assertIn("--help", text)
            self.assertTrue((self.root / "usr/share/bash-completion/completions" / program).exists())
        for package in self.packages:
            copyrights = (self.root / "usr/share/doc" / package / "copyright").read_text()
            self.assertIn("Apache License 2.0", copyrights)  # of the demo model
            self.assertRegex(copyrights, r"\n  libcli11-dev \S+: BSD-3")
            self.assertIn("University of Cincinnati", copyrights)  # whose notice must go with what is compiled of it

    @unittest.skipIf(shutil.which("lintian") is None, "not run: there is no lintian here; tests/run installs it")
    def test_lintian_finds_nothing_that_is_not_meant(self):
        result = subprocess.run(["lintian", "--tag-display-limit", "0", *map(str, self.packages.values())], capture_output=True, text=True,
                                check=False)
        found = {line.split(": ", 2)[2].split()[0] for line in result.stdout.splitlines() if line[:3] in ("E: ", "W: ")}
        self.assertLessEqual(found, ACCEPTED_TAGS, result.stdout)


class Release(unittest.TestCase):
    def test_it_overwrites_nothing_and_its_changelog_has_the_version(self):
        with tempfile.TemporaryDirectory() as directory:
            pathlib.Path(directory, "mine").touch()
            result = subprocess.run([str(SOURCE / "deploy/release"), "--out", directory], capture_output=True, text=True, check=False)
            self.assertEqual(result.returncode, 1)
            self.assertEqual(result.stderr, f"release: --out: {directory} is not empty\n")  # which it asks after the changelog
            self.assertEqual([path.name for path in pathlib.Path(directory).iterdir()], ["mine"])


if __name__ == "__main__":
    unittest.main()
