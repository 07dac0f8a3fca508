//! Facts of real hosts, held against what the hosts' own tools say.
#![cfg(feature = "real-hosts")]

use engine_e2e_tests::{Site, repository};
use engine_test_hosts::Host;
use serde_json::{Value, json};

fn says(host: &Host, argv: &[&str]) -> String {
    host.check_exec(argv).unwrap().trim().to_owned()
}

fn says_json(host: &Host, argv: &[&str]) -> Value {
    serde_json::from_str(&says(host, argv)).unwrap_or_else(|error| panic!("{argv:?}: {error}"))
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The facts of the instances, by `engine facts`.
fn facts(site: &Site, arguments: &[&str]) -> Vec<Value> {
    let run = site.engine.json(&[&["facts"], arguments].concat()).exits(0);
    let all: Vec<Value> = serde_json::from_str(&run.output).unwrap();
    all.into_iter().map(|mut one| one["facts"].take()).collect()
}

/// Gives a host something of what a bare one has not.
fn furnish(host: &Host) {
    let router = host.address().octets();
    let router = format!("{}.{}.{}.1", router[0], router[1], router[2]);
    let script = format!(
        "ip -6 address add fd00:1::7/64 dev host0 nodad; ip address add 192.0.2.7/28 dev host0; \
         ip link set host0 mtu 1400; ip route add default via {router}; \
         ip -6 route add default via fd00:1::1 dev host0; \
         mkdir -p '/srv/my data'; mount -t tmpfs -o size=8m,noexec files '/srv/my data'; \
         useradd --uid 1500 --shell /bin/sh probe-user; groupadd --gid 1600 --users probe-user probe-group; \
         ln -sf ../usr/share/zoneinfo/Europe/Berlin /etc/localtime; echo LANG=de_DE.UTF-8 > /etc/default/locale; \
         sed -i 's/^127.0.1.1.*/127.0.1.1 node-1.example.org node-1/' /etc/hosts"
    );
    host.check_exec(["sh", "-ec", &script]).unwrap();
}

#[test]
fn facts_are_what_the_hosts_own_tools_say() {
    let site = Site::up("facts", &["node-1"]);
    let host = site.host("node-1");
    furnish(host);
    site.write_stack(&format!("[layers.node]\n{}", site.instances()));
    let facts = facts(&site, &[]).remove(0);

    let control = says_json(host, &["hostnamectl", "--json=short"]);
    assert_eq!(facts["hostname"], control["Hostname"]);
    assert_eq!(
        (&facts["kernel"]["name"], &facts["kernel"]["release"]),
        (&control["KernelName"], &control["KernelRelease"])
    );
    assert_eq!(text(&facts["fqdn"]), says(host, &["hostname", "--fqdn"]));
    assert_eq!(text(&facts["domain"]), says(host, &["hostname", "--domain"]));
    assert_eq!(text(&facts["architecture"]), says(host, &["uname", "-m"]));
    assert_eq!(text(&facts["virtualization"]), says(host, &["systemd-detect-virt"]));
    assert_eq!((text(&facts["init_system"]), text(&facts["package_manager"])), ("systemd", "apt"));
    let release = says(host, &["sh", "-c", ". /etc/os-release; echo $ID $VERSION_ID $VERSION_CODENAME"]);
    let platform = &facts["platform"];
    assert_eq!(["name", "version", "codename"].map(|part| text(&platform[part])).join(" "), release);
    assert_eq!(text(&facts["timezone"]), "Europe/Berlin");
    assert!(says(host, &["localectl", "status"]).contains(&format!("LANG={}\n", text(&facts["locale"]))));
    assert_eq!(text(&facts["boot_id"]), says(host, &["cat", "/proc/sys/kernel/random/boot_id"]));
    assert_eq!(text(&facts["machine_id"]), says(host, &["cat", "/etc/machine-id"]));
    assert_eq!((&facts["user_id"], &facts["cloud"]), (&json!(0), &Value::Null));

    // uptime reckons from now, and rounds.
    let booted = says(host, &["sh", "-c", "date --date \"$(uptime --since)\" +%s"]).parse::<u64>().unwrap();
    assert!(facts["boot_time"].as_u64().unwrap().abs_diff(booted) <= 2, "{} {booted}", facts["boot_time"]);

    processors_and_memory(host, &facts);
    disks_and_filesystems(host, &facts);
    network(host, &facts);
    accounts(host, &facts);
}

fn processors_and_memory(host: &Host, facts: &Value) {
    assert_eq!(facts["cpu_count"].to_string(), says(host, &["nproc", "--all"]));
    let processors = says_json(host, &["lscpu", "--json"]);
    let field = |name: &str| {
        let found = list(&processors, "lscpu").iter().find(|field| field["field"] == format!("{name}:"));
        found.map(|field| text(&field["data"]).to_owned()).unwrap_or_default()
    };
    assert_eq!(text(&facts["cpu_model"]), field("Model name"));
    assert_eq!(facts["cpu_sockets"].to_string(), field("Socket(s)"));
    let cores: u64 = field("Core(s) per socket").parse().unwrap();
    assert_eq!(facts["cpu_cores"], cores * facts["cpu_sockets"].as_u64().unwrap());

    let free = says(host, &["free", "--bytes"]);
    let total = |name: &str| {
        let line = free.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(facts["memory_bytes"].to_string(), total("Mem:"));
    assert_eq!(facts["swap_bytes"].to_string(), total("Swap:"));
}

fn disks_and_filesystems(host: &Host, facts: &Value) {
    let devices =
        says_json(host, &["lsblk", "--json", "--bytes", "--output", "NAME,SIZE,MODEL,ROTA,RM,TYPE"]);
    let disks: Vec<Value> = list(&devices, "blockdevices")
        .iter()
        .filter(|device| device["type"] == "disk" && device["size"] != 0)
        .filter(|device| !text(&device["name"]).starts_with("zram"))
        .map(|device| {
            json!([device["name"], device["size"], text(&device["model"]), device["rota"], device["rm"]])
        })
        .collect();
    let own = |disk: &Value| {
        json!([disk["name"], disk["size_bytes"], disk["model"], disk["rotational"], disk["removable"]])
    };
    assert!(!disks.is_empty());
    assert_eq!(list(facts, "disks").iter().map(own).collect::<Vec<_>>(), disks);

    let columns = "SOURCE,TARGET,FSTYPE,OPTIONS,SIZE";
    let mounts =
        says_json(host, &["findmnt", "--json", "--list", "--bytes", "--nofsroot", "--output", columns]);
    let mounts: Vec<Value> = list(&mounts, "filesystems")
        .iter()
        .map(|mount| {
            json!([mount["source"], mount["target"], mount["fstype"], mount["options"], mount["size"]])
        })
        .collect();
    let filesystems = list(facts, "filesystems");
    for filesystem in filesystems {
        let options: Vec<&str> = list(filesystem, "options").iter().map(text).collect();
        let own = json!([
            filesystem["device"],
            filesystem["mount_point"],
            filesystem["fs_type"],
            options.join(","),
            filesystem["size_bytes"]
        ]);
        assert!(mounts.contains(&own), "{own} is not in {mounts:?}");
    }
    for (place, size) in [("/", Value::Null), ("/srv/my data", json!(8 << 20))] {
        let found = filesystems.iter().find(|filesystem| filesystem["mount_point"] == place);
        let found = found.unwrap_or_else(|| panic!("{place} is not in {filesystems:?}"));
        assert!(size.is_null() || found["size_bytes"] == size, "{found}");
    }
}

fn network(host: &Host, facts: &Value) {
    let links = says_json(host, &["ip", "-json", "address"]);
    let interfaces: Vec<Value> = links
        .as_array()
        .unwrap()
        .iter()
        .map(|link| {
            let mac_address = if link["link_type"] == "ether" { text(&link["address"]) } else { "" };
            let address = |own: &Value| json!({"address": own["local"], "prefix": own["prefixlen"]});
            let mut addresses = list(link, "addr_info").to_vec();
            addresses.sort_by_key(|own| own["family"] == "inet6");
            json!({
                "name": link["ifname"],
                "mac_address": mac_address,
                "mtu": link["mtu"],
                "state": text(&link["operstate"]).to_lowercase(),
                "addresses": addresses.iter().map(address).collect::<Vec<_>>(),
            })
        })
        .collect();
    assert_eq!(facts["interfaces"], Value::Array(interfaces));

    let way = says_json(host, &["ip", "-json", "route", "get", "203.0.113.1"]);
    assert_eq!(
        [&facts["ipaddress"], &facts["default_interface"], &facts["default_gateway"]],
        [&way[0]["prefsrc"], &way[0]["dev"], &way[0]["gateway"]]
    );
    let way = says_json(host, &["ip", "-json", "-6", "route", "get", "2001:db8::1"]);
    assert_eq!(
        [&facts["ip6address"], &facts["default_ip6_gateway"]],
        [&way[0]["prefsrc"], &way[0]["gateway"]]
    );
    assert_eq!(text(&facts["ip6address"]), "fd00:1::7");
}

fn accounts(host: &Host, facts: &Value) {
    let lines =
        |database: &str| says(host, &["getent", database]).lines().map(str::to_owned).collect::<Vec<_>>();
    let users: Vec<Value> = lines("passwd")
        .iter()
        .map(|line| {
            let field: Vec<&str> = line.split(':').collect();
            let number = |at: usize| field[at].parse::<u32>().unwrap();
            json!({"name": field[0], "uid": number(2), "gid": number(3), "home": field[5], "shell": field[6]})
        })
        .collect();
    assert_eq!(facts["users"], Value::Array(users));
    let groups: Vec<Value> = lines("group")
        .iter()
        .map(|line| {
            let field: Vec<&str> = line.split(':').collect();
            let members: Vec<&str> = field[3].split(',').filter(|member| !member.is_empty()).collect();
            json!({"name": field[0], "gid": field[2].parse::<u32>().unwrap(), "members": members})
        })
        .collect();
    assert_eq!(facts["groups"], Value::Array(groups));
    assert!(list(facts, "users").iter().any(|user| user["uid"] == 1500));
    assert!(list(facts, "groups").iter().any(|group| group["members"] == json!(["probe-user"])));
}

#[test]
fn recipes_see_by_type_what_the_command_shows_and_it_stays_the_same() {
    let site = Site::up("facts-typed", &["node-1"]);
    let host = site.host("node-1");
    furnish(host);
    let cookbook = repository().join("tests/e2e/cookbooks/probe");
    let grants = engine_e2e_tests::PROBE_GRANTS;
    site.write_stack(&format!(
        "update_on_setup = false\n[cookbooks.probe]\npath = \"{}\"\n[cookbooks.probe.grants]\n{grants}\
         [layers.node]\nsetup = [\"probe::facts_file\"]\n{}",
        cookbook.display(),
        site.instances()
    ));
    let shown = facts(&site, &[]).remove(0);
    let run = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(run.counts("changed"), 1, "{}", run.output);
    assert_eq!(says_json(host, &["cat", "/srv/facts.json"]), shown);
    let run = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(run.counts("changed"), 0, "{}", run.output);
}

#[test]
fn hosts_of_other_kinds_and_a_host_that_is_missing() {
    let site = Site::up_guests("facts-kinds", &["systemd", "sysvinit", "dnf"], false);
    let kinds = ["systemd", "sysvinit", "dnf"].map(|kind| format!("[layers.{kind}]\n")).concat();
    site.write_stack(&format!("{kinds}{}", site.instances()));
    let found: Vec<String> = facts(&site, &[])
        .iter()
        .map(|facts| format!("{} {}", text(&facts["init_system"]), text(&facts["package_manager"])))
        .collect();
    assert_eq!(found, ["systemd apt", "sysvinit apt", "systemd dnf"]);

    site.host("sysvinit-1").cut().unwrap();
    let run = site.engine.text(&["facts"]).exits(1);
    assert!(run.errors.starts_with("error: sysvinit-1: "), "{}", run.errors);
    assert!(run.output.starts_with("systemd-1\n") && run.output.contains("\n\ndnf-1\n"), "{}", run.output);
    let run = site.engine.text(&["facts", "--layer", "dnf"]).exits(0);
    assert!(run.output.starts_with("dnf-1\n") && run.errors.is_empty(), "{}{}", run.output, run.errors);
}
