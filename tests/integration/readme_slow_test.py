"""What the documents tell a reader to type and takes many seconds: a suite of reports, and a model pruned, calibrated and measured."""

import unittest

import readme_test


class SlowCommands(readme_test.Reader):
    def test_every_slow_command_succeeds(self):
        self.assertGreater(self.check_commands(slow=True), 5)


if __name__ == "__main__":
    unittest.main()
