//! Apps whose source is an object of S3.
#![cfg(feature = "real-hosts")]

use std::{fs, process::Command};

use engine_e2e_tests::{PROBE_GRANTS, Site, repository};
use engine_test_aws::{Aws, KEY};

#[test]
fn an_app_comes_from_s3_and_its_instances_need_no_credentials() {
    let mut site = Site::up("objects", &["node-1"]);
    let aws = Aws::start();
    site.engine.environment = aws.environment();
    let directory = site.engine.directory.join("shop");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("page"), "from a bucket").unwrap();
    let archive = site.engine.directory.join("shop.tar.gz");
    let packed = Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(&directory).arg(".").status();
    assert!(packed.unwrap().success());
    let summed = Command::new("sha256sum").arg(&archive).output().unwrap();
    let checksum = String::from_utf8(summed.stdout).unwrap()[..64].to_owned();
    let write_stack = |site: &Site, key: &str| {
        site.write_stack(&format!(
            "update_on_setup = false\n\
             [cookbooks.probe]\npath = \"{}\"\n[cookbooks.probe.grants]\n{PROBE_GRANTS}\
             [layers.node]\n\
             [apps.shop]\nlayers = [\"node\"]\n\
             source = {{ type = \"archive\", url = \"s3://releases/{key}\", checksum = \"{checksum}\" }}\n{}",
            repository().join("tests/e2e/cookbooks/probe").display(),
            site.instances()
        ));
    };
    aws.make_bucket("releases");
    aws.put_object("releases", "shop-1.tar.gz", &fs::read(&archive).unwrap());

    // The object is not there: nothing is done, and the run says what to look at.
    write_stack(&site, "shop-2.tar.gz");
    let missing = site.engine.text(&["run", "setup"]).exits(1);
    assert!(
        missing.errors.contains("s3://releases/shop-2.tar.gz cannot be fetched: http status: 404")
            && missing.errors.contains("s3:GetObject"),
        "{}",
        missing.errors
    );

    // Without credentials in the environment likewise.
    let environment = std::mem::take(&mut site.engine.environment);
    let nowhere = [("AWS_CONFIG_FILE", "/nonexistent"), ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")];
    site.engine.environment = environment
        .iter()
        .filter(|(name, _)| name != "AWS_ACCESS_KEY_ID")
        .cloned()
        .chain(nowhere.map(|(name, value)| (name.to_owned(), value.to_owned())))
        .collect();
    let nobody = site.engine.text(&["run", "setup"]).exits(1);
    let told = &nobody.errors;
    assert!(told.contains("no credentials for AWS") && told.contains("AWS_PROFILE"), "{told}");
    site.engine.environment = environment;

    write_stack(&site, "shop-1.tar.gz");
    let run = site.engine.json(&["run", "setup"]).exits(0);
    let page = site.host("node-1").check_exec(["cat", "/srv/www/shop/current/page"]).unwrap();
    assert_eq!(page, "from a bucket");
    let again = site.engine.json(&["run", "setup"]).exits(0);
    assert_eq!(again.counts("changed"), 0, "{}", again.output);

    // What opens the bucket is nowhere: neither the keys nor a signature.
    let state = fs::read(site.engine.directory.join(".engine/state.db")).unwrap();
    let stored = String::from_utf8_lossy(&state);
    for text in [run.output.as_str(), &missing.errors, &again.output, &stored] {
        assert!(!text.contains(KEY.1) && !text.contains("X-Amz-Signature"), "{text}");
    }
}
