"""infrakit preflight on this machine: it looks, says, and changes nothing."""

import json

TEXT = "version: 1\ndomain: home.example.org\npattern: monitoring\ntls: {mode: internal}\n"


def test_findings_have_a_remedy_and_decide_the_exit_code(infrakit, tmp_path):
    (tmp_path / "infrakit.yaml").write_text(TEXT)
    run = infrakit("preflight", "--json")
    findings = json.loads(run.stdout)

    assert run.returncode == (3 if any(item["severity"] == "error" for item in findings) else 0)
    assert all(
        item["what"] and item["remedy"] and item["severity"] in ("error", "warning", "note") for item in findings
    )


def test_the_last_line_counts(infrakit, tmp_path):
    (tmp_path / "infrakit.yaml").write_text(TEXT)
    last = infrakit("preflight").stdout.splitlines()[-1]

    assert " checks: " in last and int(last.split()[0]) >= 40


def test_a_recording_can_be_shown_to_somebody(infrakit, tmp_path):
    (tmp_path / "infrakit.yaml").write_text(TEXT)
    recorded = json.loads(infrakit("preflight", "--record").stdout)

    assert "/etc/os-release" in recorded["files"] and "uname -m" in recorded["commands"]
