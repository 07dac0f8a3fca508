//! The typed facts are those of the node, all of them.

use std::path::Path;

use engine_sdk::{
    Value,
    prelude::*,
    testing::{
        Facts, Harness, debian,
        facts::{Cloud, Disk, Partition, User},
    },
};

mod typed;

engine_sdk::cookbook! { recipes: [compare, look_up] }

#[recipe]
#[allow(clippy::unnecessary_wraps, reason = "recipes have this form")]
fn compare(ctx: &mut Context) -> Result<()> {
    let (typed, all): (Value, Value) =
        (typed::typed(&ctx.facts()), serde_json::from_str(&ctx.facts().json()).expect("it is JSON"));
    assert_eq!(typed, all);
    Ok(())
}

#[recipe]
#[allow(clippy::unnecessary_wraps, reason = "recipes have this form")]
fn look_up(ctx: &mut Context) -> Result<()> {
    let facts = ctx.facts();
    ctx.info(format!("{:?} {:?}", facts.user("www-data").map(|user| user.home), facts.user("nobody-else")));
    ctx.info(format!("{:?} {:?}", facts.group("adm").map(|group| group.members), facts.group("nobody-else")));
    Ok(())
}

/// A machine that has something of everything.
fn machine() -> Facts {
    let partition = Partition { name: "nvme1n1p1".into(), size_bytes: 7 };
    Facts {
        cloud: Some(Cloud {
            provider: "ec2".into(),
            instance_id: "i-1".into(),
            instance_type: "t3.micro".into(),
            region: "eu-central-1".into(),
            availability_zone: "eu-central-1a".into(),
            image_id: "ami-1".into(),
            life_cycle: "spot".into(),
            local_hostname: "ip-10-0-0-1".into(),
            local_ipv4: "10.0.0.1".into(),
            public_ipv4: "192.0.2.1".into(),
            tags: [("Name".to_owned(), "web".to_owned())].into(),
        }),
        disks: vec![Disk {
            name: "nvme1n1".into(),
            size_bytes: 8,
            model: "Amazon Elastic Block Store".into(),
            serial: "vol0a1b2c3d4e5f60718".into(),
            rotational: true,
            removable: true,
            partitions: vec![partition],
        }],
        swap_bytes: 9,
        ip6address: "fd00::1".into(),
        default_ip6_gateway: "fe80::1".into(),
        user_id: 1000,
        ..debian()
    }
}

fn run(recipe: engine_sdk::RecipeFunction, facts: Facts) -> String {
    // The cookbook has a recipe of this name.
    let recipes = Box::leak(Box::new([engine_sdk::Recipe { name: "wrong", run: recipe }]));
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cookbook");
    Harness::new(directory, recipes).facts(facts).run("wrong").unwrap().to_string()
}

#[test]
fn typed_facts_are_all_there_are() {
    for facts in [debian(), machine()] {
        run(compare, facts);
    }
}

#[test]
fn accounts_and_groups_are_found_by_name() {
    let deploy = User { name: "deploy".into(), home: "/srv/deploy".into(), ..User::default() };
    let said = run(look_up, Facts { users: [debian().users, vec![deploy]].concat(), ..debian() });
    assert_eq!(said, "Info: Some(\"/var/www\") None\nInfo: Some([\"www-data\"]) None\n");
}
