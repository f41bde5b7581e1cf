"""Beginnings and ends of processes: one agent a site and folder, a platform that is stopped while it is asked."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cluster import WEIR, Cluster, Unreachable, wait_until  # noqa: E402

SITE = """
network:
  name: lives
  regions: [{name: here}]
  sites:
    - {name: first, title: First, tier: hub, region: here, operator: test, latitude: 40, longitude: 110, engine: local,
       groups: [{name: machine, count: 1, cpu: 4, memory: 4GiB}]}
"""
DEMAND = {"name": "kept", "shape": {"cpu": "100m", "memory": "16MiB"}, "command": ["true"]}


class Agents(unittest.TestCase):
    def test_a_second_agent_on_one_folder_is_refused(self):
        with Cluster(SITE) as cluster:
            cluster.serve()
            cluster.agent("first")
            cluster.wait_for_sites(1)
            second = subprocess.run([WEIR, "agent", "--server", cluster.url, "--token-file", cluster.tokens / "supplier.token", "--state",
                                     cluster.folder / "agents", "--network", cluster.network, "--site", "first"],
                                    stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
            self.assertNotEqual(second.returncode, 0)
            self.assertIn("another agent is at work", second.stderr)
            cluster.kill("first")
            cluster.agent("first")
            cluster.wait_for_sites(1)
            cluster.alive("first")

    def test_a_site_named_twice_is_spoken_for_once(self):
        with Cluster(SITE) as cluster:
            cluster.serve()
            cluster.agent("first", "--site", "first")
            cluster.wait_for_sites(1)
            self.assertEqual(cluster.stop("first"), 0)

    def test_what_runs_outlives_its_agent(self):
        with Cluster(SITE) as cluster:
            cluster.serve()
            cluster.agent("first")
            marks = cluster.folder / "marks"
            go = cluster.folder / "go"
            script = f"echo began >> {marks}; until [ -e {go} ]; do sleep 0.05; done"
            status, answer = cluster.call("POST", "/v1/demands", dict(DEMAND, command=["sh", "-c", script]))
            self.assertEqual(status, 201, answer)
            wait_until(marks.exists, "the job to begin")
            self.assertEqual(cluster.stop("first"), 0)
            cluster.agent("first")
            go.touch()
            wait_until(lambda: cluster.call("GET", f"/v1/demands/{answer['id']}")[1]["state"] == "succeeded", "the job to end")
            self.assertEqual(marks.read_text(), "began\n")


class Platform(unittest.TestCase):
    def submit(self, cluster, name, stop, acknowledged, others):
        number = 0
        while not stop.is_set():
            number += 1
            try:
                status, answer = cluster.call("POST", "/v1/demands", dict(DEMAND, name=f"{name}-{number}"), timeout=10)
            except Unreachable:
                continue
            if status == 201:
                acknowledged.append(answer["id"])
            elif status != 503:
                others.append((status, answer))

    def test_a_stop_answers_what_it_took(self):
        with Cluster(SITE) as cluster:
            cluster.serve()
            stop, acknowledged, others = threading.Event(), [], []
            threads = [threading.Thread(target=self.submit, args=(cluster, f"part-{i}", stop, acknowledged, others)) for i in range(4)]
            for thread in threads:
                thread.start()
            wait_until(lambda: len(acknowledged) > 50, "some demands to be acknowledged")
            self.assertEqual(cluster.stop("serve"), 0)
            stop.set()
            for thread in threads:
                thread.join()
            self.assertEqual(others, [])
            cluster.serve()
            there = {item["id"] for item in cluster.items("/v1/demands")}
            self.assertEqual(set(acknowledged) - there, set())

    def test_a_full_disk_ends_it_and_loses_nothing(self):
        with Cluster(SITE) as cluster:
            cluster.serve(through=["sh", "-c", 'ulimit -f 4096; exec "$@"', "sh"])
            acknowledged = []

            def fill():
                body = {"demands": [dict(DEMAND, name=f"many-{len(acknowledged)}-{i}") for i in range(500)]}
                try:
                    status, answer = cluster.call("POST", "/v1/demands/batch", body)
                except Unreachable:
                    return True
                self.assertEqual(status, 201, answer)
                acknowledged.extend(answer["ids"])
                return False
            wait_until(fill, "the disk to be full", pause_s=0)
            self.assertEqual(cluster.processes.pop("serve").wait(60), 74)
            self.assertIn("the event log failed", (cluster.folder / "serve.log").read_text())
            cluster.serve()
            self.assertEqual(set(acknowledged) - {item["id"] for item in cluster.items("/v1/demands")}, set())

    def test_a_second_platform_on_one_folder_is_refused(self):
        with Cluster(SITE) as cluster:
            cluster.serve()
            second = subprocess.run([WEIR, "serve", "--state", cluster.folder / "platform", "--listen", "127.0.0.1:0"],
                                    stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
            self.assertNotEqual(second.returncode, 0)
            self.assertIn("another process", second.stderr)

    def test_a_killed_platform_leaves_its_address_free(self):
        """Also when it was writing a snapshot, which a child of it does."""
        with Cluster(SITE, serve_options=["--snapshot-every", "20"]) as cluster:
            cluster.serve()
            for round_number in range(5):
                body = {"demands": [dict(DEMAND, name=f"many-{round_number}-{i}") for i in range(500)]}
                status, answer = cluster.call("POST", "/v1/demands/batch", body)
                self.assertEqual(status, 201, answer)
                os.kill(cluster.processes["serve"].pid, signal.SIGKILL)
                cluster.processes.pop("serve").wait()
                cluster.serve()
            self.assertEqual(len(cluster.items("/v1/demands")), 2500)


@unittest.skipUnless(shutil.which("openssl"), "needs openssl to make a certificate")
class Tls(unittest.TestCase):
    def weir(self, cluster, *words, trust=True):
        command = [WEIR, *words, "--server", cluster.url, "--token-file", cluster.tokens / "operator.token"]
        return subprocess.run(command + (["--ca-file", cluster.folder / "cert.pem"] if trust else []), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120)

    def test_work_from_end_to_end(self):
        with Cluster(SITE) as cluster:
            certificate, key = cluster.folder / "cert.pem", cluster.folder / "key.pem"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
                            "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
            cluster.serve_options = ["--tls-certificate", certificate, "--tls-key", key]
            cluster.serve()
            self.assertTrue(cluster.url.startswith("https://"))
            stranger = self.weir(cluster, "sites", trust=False)
            self.assertEqual(stranger.returncode, 3)
            self.assertIn("--ca-file", stranger.stderr)
            with self.assertRaises(Unreachable):
                plain = Cluster(SITE)
                plain.tokens, plain.url = cluster.tokens, cluster.url.replace("https:", "http:")
                shutil.rmtree(plain.folder)
                plain.call("GET", "/v1/health")
            cluster.agent("first", "--ca-file", certificate)
            wait_until(lambda: json.loads(self.weir(cluster, "sites", "--condition", "up", "--json").stdout)["items"], "the site to be up")
            options = ["--cpu", "100m", "--memory", "16MiB", "--server", cluster.url, "--ca-file", certificate]
            ran = subprocess.run([WEIR, "run", "--quiet", *options, "--token-file", cluster.tokens / "operator.token", "--", "echo", "hidden"],
                                 stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
            self.assertEqual((ran.returncode, ran.stdout), (0, "hidden\n"), ran.stderr)
            self.assertEqual(cluster.stop("first"), 0)
            self.assertEqual(cluster.stop("serve"), 0)


if __name__ == "__main__":
    unittest.main()
