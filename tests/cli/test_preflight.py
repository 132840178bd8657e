"""infrakit preflight on this machine: it looks, says, and changes nothing."""

import json

TEXT = "version: 1\ndomain: home.example.org\npattern: monitoring\ntls: {mode: internal}\n"


def test_findings_have_a_remedy_and_decide_the_exit_code(infrakit, tmp_path):
    (tmp_path / "infrakit.yaml").write_text(TEXT)
    run = infrakit("preflight", "--json")
    said = json.loads(run.stdout)
    findings = said["findings"]

    assert said["version"] == 1 and said["checks"] >= 40
    assert said["errors"] == len([item for item in findings if item["severity"] == "error"])
    assert run.returncode == (3 if any(item["severity"] == "error" for item in findings) else 0)
    assert all(
        item["what"] and item["remedy"] and item["severity"] in ("error", "warning", "note") for item in findings
    )


def test_without_a_file_it_looks_as_for_the_first_install(infrakit):
    run = infrakit("preflight")
    assert "there is no file yet; this is for pattern full" in run.stderr and " checks: " in run.stdout, run.stderr


def test_what_a_person_may_know_better_can_be_accepted(infrakit, tmp_path):
    """An address that comes later, such as a VPN's; not that Docker cannot run here."""
    (tmp_path / "infrakit.yaml").write_text(f"{TEXT}network: {{bind: [192.0.2.77]}}\n")
    refused = infrakit("preflight").stdout
    assert "! ports are to be published at 192.0.2.77" in refused and "(or: --accept address-missing)" in refused, (
        refused
    )
    allowed = infrakit("preflight", "--accept", "address-missing").stdout
    assert "~ ports are to be published at 192.0.2.77" in allowed and "!" not in allowed.split("192.0.2.77")[0][-40:]
    assert infrakit("preflight", "--accept", "not-root").returncode == 2


def test_the_last_line_counts(infrakit, tmp_path):
    (tmp_path / "infrakit.yaml").write_text(TEXT)
    last = infrakit("preflight").stdout.splitlines()[-1]

    assert " checks: " in last and int(last.split()[0]) >= 40


def test_a_recording_can_be_shown_to_somebody(infrakit, tmp_path):
    (tmp_path / "infrakit.yaml").write_text(TEXT)
    recorded = json.loads(infrakit("preflight", "--record").stdout)

    assert "/etc/os-release" in recorded["files"] and "uname -m" in recorded["commands"]
