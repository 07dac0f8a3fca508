//! Objects of S3, from a simulated one. What the environment says is said to a process of its own.
#![cfg(feature = "simulated-aws")]

use std::{env, fs, process::Command};

use engine_cloud::Aws;
use engine_scheduler::ports::ObjectStore as _;
use engine_test_aws::Aws as Simulated;

/// No test of its own: asks for the object that the environment names.
#[tokio::test]
#[ignore = "asked by the others"]
async fn asked() {
    let (bucket, key) = (env::var("BUCKET").unwrap(), env::var("KEY").unwrap());
    let answer = Aws::default().url(&bucket, &key).await;
    let text = answer.unwrap_or_else(|failure| format!("{failure}; {}", failure.hint.as_deref().unwrap()));
    fs::write(env::var("ANSWER").unwrap(), text).unwrap();
}

/// The URL of an object, or why there is none, in this environment.
fn url(environment: &[(String, String)], bucket: &str, key: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let answer = directory.path().join("answer");
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["asked", "--exact", "--ignored"])
        .env("BUCKET", bucket)
        .env("KEY", key)
        .env("ANSWER", &answer);
    let nowhere = [("AWS_CONFIG_FILE", "/nonexistent"), ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")];
    let output =
        command.envs(nowhere).envs(environment.iter().map(|(name, value)| (name, value))).output().unwrap();
    fs::read_to_string(&answer).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stdout)))
}

fn without(environment: &[(String, String)], gone: &str) -> Vec<(String, String)> {
    environment.iter().filter(|(name, _)| name != gone).cloned().collect()
}

#[test]
fn an_object_is_fetched_by_a_url_that_amazon_would_take() {
    let aws = Simulated::start();
    aws.make_bucket("releases");
    aws.put_object("releases", "shop/one%20two%2B%C3%A4.tar.gz", b"content");
    let url = url(&aws.environment(), "releases", "shop/one two+ä.tar.gz");
    assert_eq!(ureq::get(&url).call().unwrap().into_body().read_to_string().unwrap(), "content");
    Simulated::verify(&url);
    let changed = url.replacen("one", "two", 1);
    assert!(std::panic::catch_unwind(|| Simulated::verify(&changed)).is_err());
}

#[test]
fn without_a_server_of_ones_own_it_is_that_of_the_region() {
    let environment = without(&Simulated::start().environment(), "AWS_ENDPOINT_URL");
    let plain = url(&environment, "releases", "shop.zip");
    assert!(plain.starts_with("https://releases.s3.eu-central-1.amazonaws.com/shop.zip?"), "{plain}");
    Simulated::verify(&plain);
    let dotted = url(&environment, "releases.example.org", "shop.zip");
    let place = "https://s3.eu-central-1.amazonaws.com/releases.example.org/shop.zip?";
    assert!(dotted.starts_with(place), "{dotted}");
    let china = [environment, vec![("AWS_REGION".to_owned(), "cn-north-1".to_owned())]].concat();
    let china = url(&china, "releases", "shop.zip");
    assert!(china.starts_with("https://releases.s3.cn-north-1.amazonaws.com.cn/"), "{china}");
}

#[test]
fn what_is_missing_is_told_with_what_to_do() {
    let environment = without(&Simulated::start().environment(), "AWS_ACCESS_KEY_ID");
    let nobody = url(&environment, "releases", "shop.zip");
    assert!(nobody.contains("no credentials for AWS") && nobody.contains("AWS_PROFILE"), "{nobody}");
    let nowhere = url(&without(&environment, "AWS_REGION"), "releases", "shop.zip");
    assert!(nowhere.contains("no region of AWS") && nowhere.contains("AWS_REGION"), "{nowhere}");
}
