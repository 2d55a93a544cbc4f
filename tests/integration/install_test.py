"""The install tree works from wherever it is moved to."""

import json
import pathlib
import subprocess
import tempfile
import unittest

from binaries import BUILD, LIBTORCH_MODULE


class Install(unittest.TestCase):
    def test_binaries_run_from_a_moved_tree(self):
        with tempfile.TemporaryDirectory() as directory:
            first = pathlib.Path(directory, "first")
            subprocess.run(["cmake", "--install", str(BUILD), "--prefix", str(first)], check=True, capture_output=True)
            moved = first.rename(pathlib.Path(directory, "moved"))
            for name in ("roberta-server", "roberta-client", "roberta-model"):
                result = subprocess.run([str(moved / "bin" / name), "--version"], capture_output=True, text=True, check=False)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertTrue(result.stdout.startswith(name), result.stdout)
                script = (moved / "share/bash-completion/completions" / name).read_text()
                self.assertIn(f"complete -F _{name.replace('-', '_')} {name}", script)
                self.assertTrue((moved / "share/zsh/vendor-completions" / f"_{name}").read_text().startswith(f"#compdef {name}"))
            model = moved / "share/roberta-serve/models/demo-sst2"
            result = subprocess.run([str(moved / "bin/roberta-model"), "inspect", str(model)], capture_output=True, text=True,
                                    check=False)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.load_reference(moved, model)

    def load_reference(self, tree, model):
        """The tree has the module with LibTorch, where it was built, and a program of the tree finds it there."""
        if not LIBTORCH_MODULE.exists():
            print("not measured: built without LibTorch")
            return
        self.assertTrue((tree / "lib/roberta-serve/roberta-libtorch.so").exists())
        command = [str(tree / "bin/roberta-model"), "measure", "--json", "--rounds", "1", "--texts", "2", "--profiles", "reference",
                   "--model", str(model), "--data", str(model / "sample.tsv")]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(json.loads(result.stdout)["profiles"][0]["name"], "reference")


if __name__ == "__main__":
    unittest.main()
