"""How roberta-server stops: what it accepted is answered, and a second signal ends it at once."""

import json
import pathlib
import signal
import subprocess
import tempfile
import unittest

from binaries import BIN, Server, wait_until


class Stop(unittest.TestCase):
    def start_bulk(self, server, directory, lines):
        """A client in the background that classifies `lines` long texts; returns the process and its output file."""
        texts = pathlib.Path(directory, "texts.txt")
        texts.write_text("".join(f"a long and winding story number {i} about very little indeed\n" for i in range(lines)))
        output = pathlib.Path(directory, "out.jsonl").open("w+")
        process = subprocess.Popen([str(BIN / "roberta-client"), "--address", server.address, "classify", "--file", str(texts),
                                    "--json", "--quiet"], stdout=output, stderr=subprocess.DEVNULL)
        return process, output

    def test_sigterm_on_an_idle_server(self):
        with Server() as server:
            server.signal(signal.SIGTERM)
            self.assertEqual(server.wait(), 0)

    def test_sigint_stops_it_too(self):
        with Server() as server:
            server.signal(signal.SIGINT)
            self.assertEqual(server.wait(), 0)

    def test_sigterm_under_load_loses_nothing_that_was_accepted(self):
        with tempfile.TemporaryDirectory() as directory, Server() as server:
            client, output = self.start_bulk(server, directory, 20000)
            wait_until(lambda: pathlib.Path(output.name).stat().st_size > 0)
            server.signal(signal.SIGTERM)
            self.assertEqual(server.wait(), 0)
            client.wait(120)
            output.seek(0)
            results = [json.loads(line) for line in output]
            output.close()
        codes = {result["error"]["code"] for result in results if "error" in result}
        self.assertLessEqual(codes, {"UNAVAILABLE"})
        self.assertGreater(sum("label" in result for result in results), 0)
        self.assertEqual([result["index"] for result in results], list(range(len(results))))

    def test_a_second_signal_exits_at_once(self):
        config = 'shutdown { drain_delay_ms: 600000 }'
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, "server.textproto")
            path.write_text(config)
            with self.assertRaises(AssertionError), Server("--config", path) as server:
                server.signal(signal.SIGTERM)
                wait_until(lambda: any("stopping" in line for line in server.log))
                server.signal(signal.SIGTERM)
                self.assertEqual(server.wait(), 128 + signal.SIGTERM)


if __name__ == "__main__":
    unittest.main()
