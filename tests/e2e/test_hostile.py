"""Jobs that mean no good, on real agents: each is ended with all that it left, and the site goes on serving others."""
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cluster import Cluster, wait_until  # noqa: E402

NETWORK = """
network:
  name: hostile
  regions: [{name: here}]
  sites:
    - {name: first, title: First, tier: hub, region: here, operator: test, latitude: 40, longitude: 110, engine: local,
       groups: [{name: machine, count: 1, cpu: 4, memory: 8GiB}]}
"""
ENDED = ("succeeded", "failed", "timed-out", "cancelled")


def processes_with(mark):
    """Ids of living processes whose environment holds the text."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


class Hostile(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(NETWORK)
        cls.cluster.folder.chmod(0o711)
        cls.cluster.serve()
        cls.cluster.agent("first", *cls.options)
        cls.cluster.wait_for_sites(1)

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def submit(self, script, **more):
        body = dict({"name": "hostile", "shape": {"cpu": "500m", "memory": "256MiB"}, "command": ["sh", "-c", script], "grace": "100ms",
                     "environment": {"MARK": self.id() + str(self.cluster.folder)}}, **more)
        status, answer = self.cluster.call("POST", "/v1/demands", body)
        self.assertEqual(status, 201, answer)
        return answer["id"]

    def view(self, demand):
        return self.cluster.call("GET", f"/v1/demands/{demand}")[1]

    def wait(self, demand, *states):
        return wait_until(lambda: (lambda view: view if view["state"] in states else None)(self.view(demand)), f"{demand} to be {states}")

    def output(self, demand):
        return self.cluster.call("GET", f"/v1/demands/{demand}/logs")[1]

    def check_over(self):
        """Nothing of the test's jobs is left, and another job runs."""
        wait_until(lambda: not processes_with(self.id() + str(self.cluster.folder)), "the job's processes to be gone")
        self.assertEqual(self.wait(self.submit("echo well"), *ENDED)["state"], "succeeded")
        self.cluster.alive("first")


class AsTheAgent(Hostile):
    def test_output_without_end(self):
        demand = self.submit("yes", time_limit="1s")
        self.assertEqual(self.wait(demand, *ENDED)["state"], "timed-out")
        self.check_over()

    def test_deaf_to_being_asked(self):
        demand = self.submit("trap '' TERM HUP INT; echo deaf; while :; do sleep 1; done")
        wait_until(lambda: self.output(demand) == "deaf\n", "the job to begin")
        self.assertEqual(self.cluster.call("POST", f"/v1/demands/{demand}/cancel")[0], 202)
        self.wait(demand, "cancelled")
        self.check_over()

    def test_what_hides_from_its_parent(self):
        """In a session of its own, twice forked, deaf, holding the output open."""
        demand = self.submit("(setsid sh -c \"trap '' TERM; sleep 600\" &) ; echo gone")
        self.assertEqual(self.wait(demand, *ENDED)["state"], "succeeded")
        self.check_over()

    def test_forks_without_end(self):
        """Two hundred at once, each of which begins another when it is ended or ends."""
        demand = self.submit("again() { trap again TERM EXIT; (sleep 0.05; again) & wait; }; "
                             "i=0; while [ $i -lt 200 ]; do again & i=$((i+1)); done; wait", time_limit="2s")
        self.assertEqual(self.wait(demand, *ENDED)["state"], "timed-out")
        self.check_over()

    def test_progress_that_is_none(self):
        fill = "head -c 50000000 /dev/zero > \"$WEIR_PROGRESS\"; "
        link = "rm -f \"$WEIR_PROGRESS\"; ln -s /etc/passwd \"$WEIR_PROGRESS\"; "
        pipe = "rm -f \"$WEIR_PROGRESS\"; mkfifo \"$WEIR_PROGRESS\"; "
        words = "rm -f \"$WEIR_PROGRESS\"; echo 99999999999999999999 -5 nan > \"$WEIR_PROGRESS\"; "
        for script in (fill, link, pipe, words):
            demand = self.submit(script + "sleep 0.5; echo done")
            view = self.wait(demand, *ENDED)
            self.assertEqual(view["state"], "succeeded", view)
            self.assertLessEqual(view.get("progress_permille", -1), 1000)
        self.check_over()

    def test_names_that_lead_elsewhere(self):
        for body in ({"name": "../../escape"}, {"name": "a/b"}, {"tenant": "../x"}, {"environment": {"A=B": "c"}},
                     {"environment": {"": "c"}}, {"working_folder": "../../nowhere"}):
            status, answer = self.cluster.call("POST", "/v1/demands", dict({"name": "x", "command": ["true"], "shape": {"cpu": "1"}}, **body))
            self.assertEqual(status, 422, answer)
        demand = self.submit("true", working_folder="/proc/1/fd/nowhere")
        self.assertEqual(self.wait(demand, *ENDED)["state"], "failed")
        self.check_over()

    def test_a_folder_full_of_traps(self):
        """Links out, a folder that nobody may enter, a deep tree: all goes when the attempt is forgotten."""
        outside = self.cluster.folder / "outside"
        outside.mkdir()
        (outside / "kept").write_text("kept")
        demand = self.submit(f"ln -s {outside} out; ln -s / root; mkdir locked; touch locked/in; chmod 0 locked; "
                             "i=0; while [ $i -lt 100 ]; do mkdir d && cd d || exit 1; i=$((i+1)); done")
        self.assertEqual(self.wait(demand, *ENDED)["state"], "succeeded")
        self.assertEqual((outside / "kept").read_text(), "kept")
        self.check_over()


@unittest.skipUnless(os.geteuid() == 0, "only root can run jobs as another user")
class AsAnotherUser(Hostile):
    options = ("--run-as", "nobody")

    def test_its_own_folder_and_nothing_else(self):
        site = self.cluster.folder / "agents" / "first"
        script = f"""
            [ "$(id -un)" = nobody ] && echo user
            own=$PWD; cd / && cd "$own" && echo note > note && echo passage; shim=${{WEIR_PROGRESS%/*}}
            tokens={self.cluster.tokens}; site={site}
            cat $tokens/*.token 2>/dev/null; for role in operator supplier; do cat $tokens/$role.token 2>/dev/null && echo token; done
            ls $site $site/engine $site/engine/attempts 2>/dev/null && echo listing
            for file in $site/epoch $site/lock $site/engine/lock $site/engine/lease "$shim/../spec" "$shim/lock" "$shim"/stdout* "$shim"/1*; do
                cat "$file" >/dev/null 2>&1 && echo "read $file"; done
            for folder in $site $site/engine $site/engine/attempts "$shim" "$shim/.."; do
                touch "$folder/mine" 2>/dev/null && echo "wrote $folder"; done
            for process in $(pgrep -f "weir (agent|serve|shim)"); do kill -0 $process 2>/dev/null && echo "signalled $process"; done
            grep -q "^NoNewPrivs:.1" /proc/self/status && echo bound
        """
        demand = self.submit(script)
        view = self.wait(demand, *ENDED)
        self.assertEqual(self.output(demand), "user\npassage\nbound\n", view)
        self.check_over()

    def test_no_descriptor_is_handed_down(self):
        demand = self.submit("ls -l /proc/self/fd | grep -c -- '->'; echo; ls -l /proc/$$/fd | grep -v 'pipe:\\|/dev/null\\|^total' ; true")
        self.wait(demand, *ENDED)
        self.assertNotIn(str(self.cluster.folder), self.output(demand))


del Hostile  # the common part is no test

if __name__ == "__main__":
    unittest.main()
