"""What README.md, CONTRIBUTING.md and the README of each folder tell a reader to type works as it stands there, and what they name
exists."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from binaries import BIN, BUILD, SOURCE, VIRTUAL_ENVIRONMENT, Server

FOLDERS = ("client", "cmake", "deploy", "loadtest", "models", "profiles", "proto", "server", "tests")
DOCUMENTS = ["README.md", "CONTRIBUTING.md",
             *(str(path.relative_to(SOURCE)) for folder in FOLDERS for path in sorted((SOURCE / folder).rglob("*.md")))]
LONGEST_FIRST_PAGE = 150
# A fenced block, and the reason not to run it, if the line before it is a comment that says so.
BLOCK = re.compile(r"^(?:<!-- not run: ([^\n]+) -->\n)?```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAM = re.compile(r"build/release/bin/(\S+)")
PYTHON = re.compile(r"pip install|python3 -m roberta_serve ")  # test_the_python_package_and_its_examples runs these
SLOW = re.compile(r"roberta-loadtest suite|build/results/|build/my-model")  # readme_slow_test runs these
OF_OTHERS = ("docker ", "helm ")  # compose_test, chart_test and image_test check the files that these name
LOAD_TEST = re.compile(r"\broberta-loadtest (run|suite) ")
MEASURED = (0, 4)  # 4: the machine was too busy for the load generator to keep up, which it says


def text_of(document):
    return (SOURCE / document).read_text()


def blocks(document, language):
    return [text for _, kind, text in BLOCK.findall(text_of(document)) if kind == language]


def commands(document, run):
    """The commands of the sh blocks that are run, or of those that are only shown."""
    for reason, kind, text in BLOCK.findall(text_of(document)):
        if kind == "sh" and run == (reason == ""):
            yield from text.replace("\\\n", " ").strip().splitlines()


def code_words(document):
    """What stands in backticks outside of blocks."""
    return re.findall(r"`([^`\n]+)`", BLOCK.sub("", text_of(document)))


def anchors(document):
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", text_of(document)), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


class Reader(unittest.TestCase):
    """Somebody who types what the documents say, with a server at work."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server(profiles=None)
        cls.directory = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()
        cls.server.__exit__(None, None, None)

    def here(self, text):
        """The reader's paths and addresses as they are in this test."""
        text = text.replace("build/release", str(BUILD))
        text = re.sub(r"(?<![\w./-])build/(?=\w)", self.directory.name + "/", text)
        text = text.replace("127.0.0.1:8002", f"127.0.0.1:{self.server.metrics_port}")
        text = text.replace("127.0.0.1:8000", f"127.0.0.1:{self.server.http_port}")
        return text.replace("127.0.0.1:8001", self.server.address)

    def run_here(self, command):
        environment = {**os.environ, "ROBERTA_ADDRESS": self.server.address, "PATH": "/usr/bin:" + os.environ["PATH"]}
        return subprocess.run(["bash", "-c", self.here(command)], cwd=SOURCE, env=environment, capture_output=True, text=True,
                              timeout=600, check=False)

    def check_commands(self, slow):
        """Runs the slow commands, or all others; returns how many they were."""
        count = 0
        for document in DOCUMENTS:
            for command in commands(document, run=True):
                if PYTHON.match(command) or slow != bool(SLOW.search(command)):
                    continue
                with self.subTest(document=document, command=command):
                    result = self.run_here(command)
                    expected = MEASURED if LOAD_TEST.search(command) else (0,)
                    self.assertIn(result.returncode, expected, result.stdout + result.stderr)
                count += 1
        return count


class Commands(Reader):
    def test_every_command_succeeds(self):
        self.assertGreater(self.check_commands(slow=False), 30)

    def test_commands_that_are_only_shown_have_the_options_that_they_use(self):
        checked = set()
        for document in DOCUMENTS:
            for command in commands(document, run=False):
                found = re.search(r"(?:build/release/bin|deploy|tests)/[\w/-]+(?: (?:run|suite|init)\b)?", command)
                if found is None or command.startswith(OF_OTHERS) or (PROGRAM.match(found[0]) and not (BIN / PROGRAM.match(found[0])[1].split()[0]).exists()):
                    continue
                with self.subTest(document=document, command=command):
                    result = self.run_here(found[0] + " --help")
                    self.assertEqual(result.returncode, 0, result.stderr)
                    if not found[0].startswith("build/"):
                        self.assertIn("Usage: " + found[0], result.stdout)
                    for option in re.findall(r" (--(?!gtest_)[a-z-]+)", command[found.end():]):
                        self.assertIn(option, result.stdout)
                checked.add(found[0])
        self.assertLessEqual({"deploy/quickstart", "tests/run", "build/release/bin/roberta-server"}, checked)

    def test_the_python_package_and_its_examples(self):
        if not (VIRTUAL_ENVIRONMENT / "requirements.txt").exists():
            self.skipTest("not run: no packages of PyPI here; tests/run installs them into build/venv")
        site = pathlib.Path(self.directory.name, "site")
        # As the document has it, but into a folder of the test's, with what the environment has.
        install = f"{VIRTUAL_ENVIRONMENT}/bin/pip install --quiet --no-build-isolation --no-deps --target {site}"
        found = [command for document in DOCUMENTS for command in commands(document, run=True) if PYTHON.match(command)]
        self.assertEqual(found[0], "pip install ./client/python")
        self.assertGreater(len(found), 4)
        examples = [(document, text) for document in ("README.md", "client/README.md") for text in blocks(document, "python")]
        for number, (document, text) in enumerate(examples):
            path = pathlib.Path(self.directory.name, f"example_{number}.py")
            path.write_text(self.here(text))
            found.append(f"python3 {path}")
        outputs = []
        for command in found:
            command = command.replace("pip install", install).replace("python3", f"PYTHONPATH={site} {VIRTUAL_ENVIRONMENT}/bin/python")
            with self.subTest(command=command):
                result = self.run_here(command)
                self.assertEqual(result.returncode, 0, result.stderr)
            outputs.append(result.stdout)
        self.assertRegex(outputs[-3], r"^positive 0\.9\d\d\n$")
        self.assertIn("INVALID_ARGUMENT", outputs[-2])
        self.assertEqual(len(outputs[-1].splitlines()), 2 * len(text_of("models/demo-sst2/sample.tsv").splitlines()))

    def test_the_cpp_example(self):
        if "san" in BUILD.name:
            self.skipTest("not run: the example is built without the sanitizers that the library needs here")
        scratch = pathlib.Path(self.directory.name, "cpp")
        scratch.mkdir()
        (example,) = blocks("README.md", "cpp")
        (scratch / "example.cc").write_text(self.here(example))
        link = "target_link_libraries(example PRIVATE roberta-serve::client)"
        self.assertIn(link, text_of("README.md"))
        (scratch / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\nproject(example LANGUAGES C CXX)\nset(CMAKE_CXX_STANDARD 20)\n"
            f"find_package(roberta-serve REQUIRED)\nadd_executable(example example.cc)\n{link}\n")
        prefix = scratch / "install"
        for command in (["cmake", "--install", BUILD, "--prefix", prefix],
                        ["cmake", "-G", "Ninja", "-S", scratch, "-B", scratch / "build", f"-DCMAKE_PREFIX_PATH={prefix}"],
                        ["cmake", "--build", scratch / "build"]):
            result = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=600, check=False)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        result = subprocess.run([str(scratch / "build/example")], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r"^positive 0\.9")

    def test_the_config_examples(self):
        expected = {"profiles/README.md": {"baseline": "READY", "quantized": "READY", "pruned-80": "READY", "reference": "UNLOADED"},
                    "server/README.md": {"baseline": "READY", "baseline-bucketed": "READY"}}
        examples = {document: text for document in DOCUMENTS for text in blocks(document, "textproto") if "model {" in text}
        self.assertEqual(examples.keys(), expected.keys())
        for document, example in examples.items():
            path = pathlib.Path(self.directory.name, "server.textproto")
            path.write_text(example.replace("models/demo-sst2", str(SOURCE / "models/demo-sst2")))
            with Server("--config", path, model=None, profiles=None) as server:
                result = server.client("profiles", "--json")
            profiles = json.loads(result.stdout)["profiles"]
            self.assertEqual({profile["name"]: profile["state"] for profile in profiles}, expected[document])

    def test_entries_for_the_config(self):
        entries = [text for document in DOCUMENTS for text in blocks(document, "textproto") if "model {" not in text]
        self.assertTrue(entries)
        for entry in entries:
            path = pathlib.Path(self.directory.name, "entry.textproto")
            path.write_text(entry)
            result = self.run_here(f"build/release/bin/roberta-server --model models/demo-sst2 --config {path} --check-config")
            self.assertEqual(result.returncode, 0, result.stderr)

    def test_grpcurl_example(self):
        grpcurl = shutil.which("grpcurl")
        if grpcurl is None:
            self.skipTest("not run: there is no grpcurl here; reflection, which it uses, is tested with the server")
        (example,) = [text for text in blocks("README.md", "text") if text.startswith("grpcurl")]
        result = self.run_here(example)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn('"positive"', result.stdout)


class Names(unittest.TestCase):
    """Needs no server and no build."""

    def test_the_first_page_is_one(self):
        self.assertLessEqual(len(text_of("README.md").splitlines()), LONGEST_FIRST_PAGE)

    def test_links_lead_somewhere(self):
        for document in DOCUMENTS:
            for target, fragment in re.findall(r'(?:\]\(|src=")(?!\w+:)([^)#"]*)#?([^)"]*)', text_of(document)):
                with self.subTest(document=document, link=f"{target}#{fragment}"):
                    path = (SOURCE / document).parent / target if target else SOURCE / document
                    self.assertTrue(path.exists())
                    if fragment:
                        self.assertIn(fragment, anchors(path))

    def test_paths_exist(self):
        for document in DOCUMENTS:
            for words in code_words(document):
                path = words.split()[0]
                if path.split("/")[0] in FOLDERS and "/" in path and "<" not in path:
                    self.assertTrue((SOURCE / path).exists(), f"{document}: {path}")

    def test_recipes_name_files(self):
        recipes = text_of("CONTRIBUTING.md").split("## How to add\n")[1].split("\n### ")[1:]
        self.assertGreater(len(recipes), 5)
        for recipe in recipes:
            files = [word for word in re.findall(r"`([^`\s]+)`", recipe) if word.split("/")[0] in FOLDERS]
            self.assertTrue(files, recipe)

    def test_options_and_metrics_exist(self):
        sources = [path.read_text(errors="replace") for folder in FOLDERS for path in (SOURCE / folder).rglob("*")
                   if path.is_file() and (path.suffix in ("", ".cc", ".h", ".py", ".txt", ".cmake") or path.name == "metrics.tsv")]
        words = set(re.findall(r"--[a-z][\w-]*|\b(?:roberta|process|grpc_server)_\w+", "\n".join(sources)))
        for document in DOCUMENTS:
            for code in code_words(document):
                for word in re.findall(r"(?<![\w-])--[a-z][\w-]*|\b(?:roberta|process|grpc_server)_\w+", code):
                    self.assertIn(word, words, document)

    def test_the_picture_of_the_modules_has_them_all(self):
        picture = re.search(r"```text\n(server/.*?)```", text_of("CONTRIBUTING.md"), re.DOTALL)[1]
        declared = set()
        for folder in ("client", "loadtest", "profiles", "server"):
            for path in (SOURCE / folder).rglob("CMakeLists.txt"):
                for name, arguments in re.findall(r"(?:roberta|profiles)_module\((?:NAME )?([a-z]\w*)([^)]*)\)", path.read_text()):
                    folder_of_module = re.search(r"FOLDER (\S+)", arguments)
                    declared.add(folder_of_module[1].split("/")[-1] if folder_of_module else name)
        shown = set(re.findall(r"\b[a-z_]+\b(?!/)", picture))
        self.assertEqual(declared, shown)

    def test_targets_and_presets_exist(self):
        listed = subprocess.run(["cmake", "--list-presets=all"], cwd=SOURCE, capture_output=True, text=True, check=True).stdout
        lists = "\n".join(path.read_text() for folder in FOLDERS for path in (SOURCE / folder).rglob("CMakeLists.txt"))
        presets = re.findall(r"^\| `([\w-]+)` \|", text_of("tests/README.md").split("## Presets")[1].split("\n## ")[0], re.MULTILINE)
        self.assertGreater(len(presets), 6)
        for document in DOCUMENTS:
            for command in (*commands(document, run=True), *commands(document, run=False)):
                presets += re.findall(r"--preset (\S+)", command)
                for target in command.split("--target ")[1].split() if command.startswith("cmake --build") and "--target" in command else ():
                    self.assertRegex(lists, rf"NAME {target}\b", f"{document}: {command}")
        for preset in presets:
            self.assertIn(f'"{preset}"', listed)

    def test_json_is_json(self):
        for document in DOCUMENTS:
            for text in blocks(document, "json"):
                json.loads(text)


if __name__ == "__main__":
    unittest.main()
