//! Secrets get to the files and processes that they are for, and nowhere else.
#![cfg(feature = "real-hosts")]

use std::{fmt::Write as _, fs, path::Path, process::Command};

use engine_e2e_tests::{PROBE_GRANTS, Site, eventually, repository};
use engine_test_hosts::Host;
use serde_json::{Value, json};

/// One for each kind of source; none of them stands in this repository's other texts.
const FROM_ENVIRONMENT: &str = "env-Zq8/vK2\"mW";
const FROM_FILE: &str = "file-Xn5$tB9'rL";
const FROM_COMMAND: &str = "cmd-Hc3+yD7 pJ\nsecond-Ue6wGs1";

/// The values and what they are in other clothes.
fn planted() -> Vec<String> {
    let mut all = Vec::new();
    for value in [FROM_ENVIRONMENT, FROM_FILE, FROM_COMMAND].into_iter().flat_map(str::lines) {
        let json = serde_json::to_string(value).unwrap();
        all.push(value.to_owned());
        all.push(json.trim_matches('"').to_owned());
        for flag in ["-w0", "-d"] {
            let (program, argument) = if flag == "-d" { ("xxd", "-p") } else { ("base64", flag) };
            let script = format!("printf %s \"$V\" | {program} {argument}");
            if let Ok(output) = Command::new("sh").args(["-c", &script]).env("V", value).output()
                && output.status.success()
            {
                all.push(String::from_utf8(output.stdout).unwrap().trim().trim_end_matches('=').to_owned());
            }
        }
    }
    all.retain(|text| !text.is_empty());
    all
}

fn has_none(what: &str, bytes: &[u8]) {
    for text in planted() {
        let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!found, "`{text}` is in {what}:\n{}", String::from_utf8_lossy(bytes));
    }
}

/// Everything in a directory of this machine but the sources of the secrets.
fn has_none_below(directory: &Path) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += has_none_below(&path);
        } else {
            has_none(&path.display().to_string(), &fs::read(&path).unwrap_or_default());
            files += 1;
        }
    }
    files
}

/// A site with a secret of every kind, and a key of its own.
fn site(fleet: &str) -> Site {
    let mut site = Site::up(fleet, &["node-1"]);
    site.engine.environment = vec![("PLANTED".to_owned(), FROM_ENVIRONMENT.to_owned())];
    site
}

/// The stack of it, whose setup declares these resources. The command of one secret is in the file that it gives.
fn write(site: &Site, resources: &Value, recipient: &str) -> tempfile::NamedTempFile {
    let command = FROM_COMMAND.replace('\n', "\\n");
    // The source of this one is a script outside of the site's directory.
    let script = tempfile::NamedTempFile::new().unwrap();
    fs::write(script.path(), format!("printf '{command}\\n'\n")).unwrap();
    let mut text = format!(
        "update_on_setup = false\n\
         [secret_file]\nrecipients = [\"{recipient}\"]\nidentity = \"../key.txt\"\n\
         [secrets.env]\nenvironment = \"PLANTED\"\n\
         [secrets.filed]\nfile = \"secrets.age\"\n\
         [secrets.printed]\ncommand = [\"sh\", \"{}\"]\n\
         [cookbooks.probe]\npath = \"{}\"\n[cookbooks.probe.grants]\n{PROBE_GRANTS}",
        script.path().display(),
        repository().join("tests/e2e/cookbooks/probe").display(),
    );
    let _ = write!(
        text,
        "secrets = [\"env\", \"filed\", \"printed\"]\nenvironment = [\"TOKEN\"]\n\
         [layers.node]\nsetup = [\"probe\"]\n\
         [layers.node.attributes.probe]\nresources = '''{resources}'''\n{}",
        site.instances()
    );
    let text = text.replace(
        "execute = [",
        "execute = [[\"cat\", \"*\"], [\"base64\", \"*\"], [\"sh\", \"-c\", \"*\"], ",
    );
    site.write_stack(&text);
    script
}

/// Makes the key and fills the file; gives the public key.
fn keys(site: &Site) -> String {
    let key = site.engine.directory.join("key.txt");
    let engine = std::env::var_os("ENGINE_BIN").unwrap();
    let made = Command::new(&engine).args(["secret", "keygen"]).arg(&key).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

fn set(site: &Site) {
    let script = "printf '%s\\n' \"$V\" | \"$ENGINE_BIN\" secret set filed --stack test";
    let output = Command::new("sh")
        .args(["-c", script])
        .current_dir(&site.engine.directory)
        .env("V", FROM_FILE)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    has_none("what `secret set` says", &[output.stdout, output.stderr].concat());
}

fn content(host: &Host, path: &str) -> String {
    host.check_exec(["cat", path]).unwrap()
}

/// What the node keeps of runs.
fn has_none_on_node(host: &Host) {
    let kept = host
        .check_exec(["sh", "-c", "find /var/lib/engine -type f ! -path '*/agent/*' -exec cat {} +"])
        .unwrap();
    has_none("/var/lib/engine of the node", kept.as_bytes());
    let logs = host
        .exec(["sh", "-c", "cat /var/log/* /tmp/* 2>/dev/null; journalctl --no-pager 2>/dev/null; true"])
        .unwrap();
    has_none("the logs of the node", &logs.stdout);
}

#[test]
fn secrets_get_where_they_belong_and_nowhere_else() {
    let site = site("secrets");
    let host = site.host("node-1");
    let public = keys(&site);
    let resources = json!([
        {"resource": "file", "name": "/srv/password", "mode": "0600",
         "content": "{{secret:filed}}|{{secret:env}}\n"},
        {"resource": "template", "name": "/srv/site.conf", "source": "site.conf", "mode": "0640",
         "variables": {"port": "{{secret:printed}}"}},
        {"resource": "execute", "names": ["sh", "-c", "printf %s \"$TOKEN\" > /srv/token; chmod 600 /srv/token"],
         "environment": [["TOKEN", "{{secret:env}}"]], "creates": "/srv/token"},
        {"resource": "execute", "names": ["cat", "/srv/password"], "live_stream": true},
        {"resource": "execute", "names": ["base64", "/srv/password"]},
    ]);
    let _script = write(&site, &resources, &public);
    set(&site);
    let list = site.engine.look(&["secret", "list"]).exits(0);
    has_none("`secret list`", list.output.as_bytes());
    assert!(list.output.contains("filed") && list.output.contains("environment PLANTED"), "{}", list.output);

    let plan = site.engine.text(&["plan", "setup", "-v", "--out", "setup.plan"]).exits(0);
    let first = site.engine.json(&["run", "setup"]).exits(0);
    let again = site.engine.text(&["run", "setup", "-v"]).exits(0);
    assert_eq!(content(host, "/srv/password"), format!("{FROM_FILE}|{FROM_ENVIRONMENT}\n"));
    assert!(content(host, "/srv/site.conf").contains(FROM_COMMAND));
    assert_eq!(content(host, "/srv/token"), FROM_ENVIRONMENT);
    // What a command said is told, without what it must not say.
    assert!(first.output.contains("[secret filed]"), "{}", first.output);

    // A saved plan resolves them anew.
    host.check_exec(["rm", "/srv/password", "/srv/site.conf", "/srv/token"]).unwrap();
    let saved = site.engine.json_alone(&["run", "--plan", "setup.plan"]).exits(0);
    assert_eq!(content(host, "/srv/password"), format!("{FROM_FILE}|{FROM_ENVIRONMENT}\n"));

    site.engine.look(&["runs", "show", "1", "--junit", "run.xml", "--html", "run.html"]).exits(0);
    let shown = site.engine.look(&["runs", "show", "1", "--json"]).exits(0);
    for run in [&plan, &first, &again, &saved, &shown] {
        has_none("what a run says", run.output.as_bytes());
        has_none("what a run complains of", run.errors.as_bytes());
    }

    // A run that fails, and one whose controller is killed.
    let failing = json!([
        {"resource": "execute", "names": ["sh", "-c", "echo \"$TOKEN\" | cut -c 3-; echo \"$TOKEN\" >&2; exit 7"],
         "environment": [["TOKEN", "{{secret:env}}"]]},
    ]);
    let _script = write(&site, &failing, &public);
    let failed = site.engine.text(&["run", "setup", "-v"]).exits(1);
    has_none("a run that fails", failed.output.as_bytes());
    has_none("a run that fails", failed.errors.as_bytes());
    let waiting = json!([
        {"resource": "execute", "names": ["sh", "-c", "echo begun; while [ ! -e /srv/go ]; do sleep 0.1; done"],
         "environment": [["TOKEN", "{{secret:filed}}"]]},
    ]);
    let _script = write(&site, &waiting, &public);
    let killed = site.engine.start(&["run", "setup", "--json"]);
    eventually("it is at work", || {
        host.exec(["pgrep", "-x", "sleep"]).is_ok_and(|output| output.status.success())
    });
    killed.signal("KILL");
    has_none("a run that is killed", killed.wait().output.as_bytes());
    host.check_exec(["touch", "/srv/go"]).unwrap();
    has_none_on_node(host);
    assert!(has_none_below(&site.engine.directory) > 5, "nothing was looked at");
}

#[test]
fn what_would_expose_a_secret_is_refused_before_anything_is_done() {
    let site = site("secretno");
    let public = keys(&site);
    for (expected, resource) in [
        (
            "everybody can read (mode 0644)",
            json!({"resource": "file", "name": "/srv/a", "mode": "0644", "content": "{{secret:env}}"}),
        ),
        ("mode is not set", json!({"resource": "file", "name": "/srv/a", "content": "{{secret:env}}"})),
        ("give it in `environment`", json!({"resource": "execute", "names": ["sh", "-c", "{{secret:env}}"]})),
        (
            "in a URL",
            json!({"resource": "remote_file", "name": "/srv/a", "source": "https://x.org/{{secret:env}}"}),
        ),
    ] {
        write(
            &site,
            &json!([{"resource": "file", "name": "/srv/before", "content": "x"}, resource]),
            &public,
        );
        let refused = site.engine.text(&["run", "setup"]).exits(1);
        let said = refused.output + &refused.errors;
        assert!(said.contains(expected), "{said}");
        has_none("a refusal", said.as_bytes());
        assert!(!site.host("node-1").exec(["test", "-e", "/srv/before"]).unwrap().status.success());
    }
    // Forged: not granted, whoever wrote the text.
    let forged = json!([{"resource": "file", "name": "/srv/a", "mode": "0600", "content": "{{secret:env}}"}]);
    let _script = write(&site, &forged, &public);
    site.write_stack(&site.stack().replacen("secrets = [\"env\", ", "secrets = [", 1));
    let refused = site.engine.text(&["run", "setup"]).exits(1);
    let said = refused.output + &refused.errors;
    assert!(said.contains("cookbook `probe` is not granted secrets `env`"), "{said}");
}
