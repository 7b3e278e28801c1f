"""What ci/release and ci/sbom promise, tried on clones of this repository.

    python3 -m unittest discover -s ci/tests
"""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import tomllib
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def run(*words, cwd, **more):
    return subprocess.run(
        [str(it) for it in words], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False, **more,
    )


class Release(unittest.TestCase):
    def setUp(self):
        room = tempfile.TemporaryDirectory()
        self.addCleanup(room.cleanup)
        self.room = pathlib.Path(room.name)

    def clone(self, name):
        """The tree as it is, as the one commit of a repository at another place and time."""
        place = self.room / name
        names = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
            check=True, stdout=subprocess.PIPE,
        ).stdout.decode().split("\0")
        for each in names:
            if each and (ROOT / each).is_file():
                (place / each).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / each, place / each)
        when = "2026-01-02T03:04:05+00:00"
        env = {**os.environ, "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
        for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b",
                                                      "commit", "-q", "-m", "a"]):
            done = run("git", *words, cwd=place, env=env)
            self.assertEqual(done.returncode, 0, done.stdout)
        return place

    def source(self, place, umask):
        """The tarball that a clone makes, with other habits of its maker."""
        done = run("ci/release", "--source", cwd=place, umask=umask)
        self.assertEqual(done.returncode, 0, done.stdout)
        tarball, = (place / "dist").glob("fezz-*.tar.gz")
        octets = tarball.read_bytes()
        sums = (place / "dist" / "SHA256SUMS").read_text()
        self.assertEqual(sums, f"{hashlib.sha256(octets).hexdigest()}  {tarball.name}\n")
        return octets

    def test_the_tarball_is_the_same_twice(self):
        one, two = self.clone("one"), self.clone("elsewhere")
        first = self.source(one, 0o022)
        self.assertEqual(first, self.source(one, 0o022))
        self.assertEqual(first, self.source(two, 0o077), "another maker, another place")
        (two / "README.md").write_text("changed\n")
        run("git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qam", "b", cwd=two)
        self.assertNotEqual(first, self.source(two, 0o022), "another commit")

    def test_changes_that_are_not_committed_are_refused(self):
        place = self.clone("dirty")
        (place / "README.md").write_text("changed\n")
        for words in ([], ["--source"]):
            done = run("ci/release", *words, cwd=place)
            self.assertEqual(done.returncode, 1)
            self.assertIn("not committed", done.stdout)
        self.assertFalse((place / "dist").exists())

    def test_a_tag_of_another_version_is_refused(self):
        place = self.clone("tagged")
        run("git", "tag", "v99.0.0", cwd=place)
        done = run("ci/release", "--source", cwd=place)
        self.assertEqual(done.returncode, 1)
        self.assertIn("v99.0.0", done.stdout)

    def test_words(self):
        done = run("ci/release", "--help", cwd=ROOT)
        self.assertEqual(done.returncode, 0)
        self.assertIn("SHA256SUMS", done.stdout)
        self.assertEqual(run("ci/release", "--sauce", cwd=ROOT).returncode, 2)


class Sbom(unittest.TestCase):
    def setUp(self):
        done = subprocess.run(["ci/sbom"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
        self.octets = done.stdout
        self.page = json.loads(done.stdout)

    def test_it_lists_what_is_linked_with_checksums_and_licences(self):
        lock = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
        sums = {(it["name"], it["version"]): it.get("checksum") for it in lock}
        components = {it["name"]: it for it in self.page["components"]}
        for name in ("rustls", "mio", "fezz-parser", "fezz-wire", "toml"):
            self.assertTrue(name in components, name)
        for name in ("httparse", "minicbor", "loom", "tokio", "proptest", "fezz-sim", "syn"):
            self.assertFalse(name in components, f"{name} is not linked")
        for it in self.page["components"]:
            known = sums[it["name"], it["version"]]
            self.assertEqual(it.get("hashes"), known and [{"alg": "SHA-256", "content": known}])
            self.assertNotIn(it["licenses"][0]["expression"], ("", None), it["name"])
            self.assertNotIn("/", it["licenses"][0]["expression"])
        self.assertGreater(len(components), 40)

    def test_every_edge_leads_to_something_that_is_listed(self):
        known = {it["bom-ref"] for it in self.page["components"]}
        known.add(self.page["metadata"]["component"]["bom-ref"])
        self.assertEqual({it["ref"] for it in self.page["dependencies"]}, known)
        for edge in self.page["dependencies"]:
            self.assertLessEqual(set(edge["dependsOn"]), known)

    def test_it_is_the_same_twice(self):
        again = subprocess.run(["ci/sbom"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
        self.assertEqual(self.octets, again.stdout)
        self.assertEqual((self.page["bomFormat"], self.page["specVersion"]), ("CycloneDX", "1.5"))


if __name__ == "__main__":
    unittest.main()
